"""Tensors, shapes, dtypes, the tape, the op registry, the expression language and the plugin host."""
