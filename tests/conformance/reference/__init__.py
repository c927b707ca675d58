"""Arrays in float64 that know how far a correct device may be from them, and how to differentiate themselves.

Written over NumPy alone: nothing here is shared with the kernels or with the gradients of core.
"""

from .array import (
    broadcast,
    concat,
    einsum,
    matmul,
    max,
    mean,
    min,
    move,
    pick,
    prod,
    reshape,
    scatter,
    stack,
    sum,
    transpose,
    where,
)
from .elementwise import (
    abs,
    add,
    cos,
    div,
    erf,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    sigmoid,
    sin,
    sqrt,
    steps,
    sub,
    tan,
    tanh,
)
from .node import Arithmetic, Ref, arithmetic, const, gradient, leaf, now, ref, spacing, stored

__all__ = [
    "Arithmetic", "Ref", "abs", "add", "arithmetic", "broadcast", "concat", "const", "cos", "div", "einsum", "erf", "exp", "expm1",
    "gradient", "leaf", "log", "log1p", "matmul", "max", "maximum", "mean", "min", "minimum", "move", "mul", "neg", "now", "pick", "pow",
    "prod", "ref", "reshape", "scatter", "sigmoid", "sin", "spacing", "sqrt", "stack", "steps", "stored", "sub", "sum", "tan", "tanh",
    "transpose", "where",
]  # fmt: skip
