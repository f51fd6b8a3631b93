"""What comparing, replacing, fitting and explaining show."""
