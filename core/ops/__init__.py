"""What each op is: its shape rule, dtype rule and gradient. One file per family; none names a device."""

from . import binary, cast, compare, index, join, make, matmul, move, reduce, rowwise, unary

__all__ = ["binary", "cast", "compare", "index", "join", "make", "matmul", "move", "reduce", "rowwise", "unary"]
