"""Windows over maps: convolutions, pools, resizing."""
