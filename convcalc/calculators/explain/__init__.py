"""What a layer, a block or a network does, with its formulas."""
