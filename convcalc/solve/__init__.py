"""Questions that formulas and execution answer together: each solver here looks at both witnesses."""
