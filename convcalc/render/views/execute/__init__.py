"""What running and verifying show."""
