"""The kernels run backwards: what is read, and gradients."""
