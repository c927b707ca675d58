"""The scalar language in which elementwise and row-wise ops are written."""

from . import functions
from .derive import vjp
from .evaluate import evaluate, evaluate_program, function_of, prepare
from .functions import NATIVE, Function
from .nodes import (
    Expr,
    arg,
    cast,
    const,
    index,
    random,
    rewrite,
    row_max,
    row_min,
    row_prod,
    row_sum,
    scalar,
    select,
    walk,
)
from .program import MapProgram, RowProgram, kind_of, map_program, program_of, row_program

__all__ = [
    "NATIVE", "Expr", "Function", "MapProgram", "RowProgram", "arg", "cast", "const", "evaluate", "evaluate_program",
    "function_of", "functions", "index", "kind_of", "map_program", "prepare", "program_of", "random", "rewrite", "row_max", "row_min", "row_prod", "row_program", "row_sum", "scalar",
    "select", "vjp", "walk",
]  # fmt: skip
