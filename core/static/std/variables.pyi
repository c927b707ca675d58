"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa
from typing import Any

from typing_extensions import TypeVar

from . import Device, TapeState, _Float

B = TypeVar("B", bound=int)
C = TypeVar("C", bound=int)
F = TypeVar("F", bound=int)
H = TypeVar("H", bound=int)
I = TypeVar("I", bound=int)
K = TypeVar("K", bound=int)
M = TypeVar("M", bound=int)
N = TypeVar("N", bound=int)
O = TypeVar("O", bound=int)
W = TypeVar("W", bound=int)
S = TypeVar("S", bound=tuple[Any, ...])
E = TypeVar("E", bound=_Float)
D = TypeVar("D", bound=Device)
T = TypeVar("T", bound=TapeState)
