"""What questions of sizes, fields and padding show."""
