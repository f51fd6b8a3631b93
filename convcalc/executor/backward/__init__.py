"""A graph run backwards: which inputs reach an output, and gradients."""
