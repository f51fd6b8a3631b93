"""Commands that list, show, export and serve."""
