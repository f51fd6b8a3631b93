"""Commands that solve for sizes, fields and padding."""
