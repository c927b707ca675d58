"""Every op, module and optimizer that the kit knows. One file per family; a sample is a line."""

from . import (  # noqa: F401
    attention,
    binary,
    cast,
    compare,
    device,
    index,
    join,
    losses,
    make,
    matmul,
    modules,
    move,
    optimizers,
    order,
    primitives,
    reduce,
    rowwise,
    third_party,
    unary,
    windows,
)
