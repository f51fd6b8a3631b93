"""What people paste from Keras."""
