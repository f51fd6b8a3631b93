"""Runs of dilated convolutions: published rules, runs in a network, rates without holes."""
