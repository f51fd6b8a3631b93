"""What a network costs: parameters, operations, shapes and memory of every layer."""
