"""Commands that compare, replace, fit and explain."""
