"""Every way to replace a convolution at the same shapes."""
