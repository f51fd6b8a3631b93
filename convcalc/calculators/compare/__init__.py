"""Networks side by side, in total and layer by layer."""
