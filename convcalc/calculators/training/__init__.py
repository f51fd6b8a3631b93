"""What training takes: what is kept for the backward pass, gradients, the optimizer's state."""
