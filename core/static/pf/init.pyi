"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa
from collections.abc import Callable
from typing import Any

from typing_extensions import TypeAlias

__all__ = ["Init", "constant", "normal", "ones", "uniform", "zeros"]

Init: TypeAlias = Callable[[Any, tuple[int, ...], Any], Any]  # (device, shape, dtype) to a tensor

def constant(value: float) -> Init: ...
def normal(mean: float = ..., std: float = ...) -> Init: ...
ones: Init
def uniform(bound: float) -> Init: ...
zeros: Init
