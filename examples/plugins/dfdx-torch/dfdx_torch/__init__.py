"""PyTorch tensors as a dfdx device."""
