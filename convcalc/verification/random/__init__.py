"""Random layers and graphs, verified; what fails is shrunk."""
