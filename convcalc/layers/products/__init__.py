"""Products: fully connected layers, products of tensors, recurrent cells."""
