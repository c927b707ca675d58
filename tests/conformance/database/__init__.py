"""Every op, module and optimizer that the kit knows. One file per family; a sample is a line."""

from . import binary, cast, compare, index, join, losses, matmul, move, primitives, reduce, rowwise, unary

__all__ = [
    "binary",
    "cast",
    "compare",
    "index",
    "join",
    "losses",
    "matmul",
    "move",
    "primitives",
    "reduce",
    "rowwise",
    "unary",
]
