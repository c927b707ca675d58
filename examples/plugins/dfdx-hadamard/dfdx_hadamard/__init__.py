"""The Walsh-Hadamard transform as an op of dfdx."""
