"""JAX arrays, which are immutable and have no strides, as a dfdx device."""
