"""Training: what autograd keeps, held against PyTorch's saved tensors, and identities of gradients."""
