"""What each op is: its shape rule, dtype rule and gradient. One file per family; none names a device."""

from importlib import import_module

from ..docs import add_examples
from .examples import EXAMPLES

FAMILIES = (
    "unary", "binary", "compare", "cast", "move", "join", "index", "reduce", "rowwise", "matmul", "einsum", "conv", "pool", "upscale",
    "attention", "scan", "search", "sort", "unstack", "make",
)  # fmt: skip

for _family in FAMILIES:
    import_module(f"{__name__}.{_family}")
from ._define import FUNCTIONS  # noqa: E402

add_examples(FUNCTIONS, EXAMPLES)
