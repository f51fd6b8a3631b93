"""Questions that formula and execution answer together: dilation, transposed convolution, coverage."""
