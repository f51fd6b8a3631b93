"""Source text of PyTorch and Keras, read as syntax and worked out over known values; nothing of it is run."""
