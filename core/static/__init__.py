"""Names for annotations: `Tensor[Rank2[L[64], L[10]], f32, Cpu, OwnedTape]`. At run time they cost nothing and check nothing.

Type checkers read the generated stubs in `std` (mypy, pyright, ty) and `pf` (pyrefly) instead; `tools/gen_stubs.py` writes them.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

__all__ = [
    "Dim",
    "L",
    "NoTape",
    "OwnedTape",
    "Rank0",
    "Rank1",
    "Rank2",
    "Rank3",
    "Rank4",
    "Rank5",
    "Rank6",
    "TapeState",
]

L = Literal  # L[64] is the dim 64


class TapeState:
    """Base of the two states in which a tensor can be; never instantiated."""

    __module__ = "dfdx"


class NoTape(TapeState):
    """Of a tensor that owns no tape."""

    __module__ = "dfdx"


class OwnedTape(TapeState):
    """Of a tensor that owns a tape, so that `backward()` is possible."""

    __module__ = "dfdx"


# variables for generic functions: dims, then a whole shape, a float dtype, a device, the state of the tape
B, C, F, H, I, K, M, N, O, W = (TypeVar(n, bound=int) for n in "BCFHIKMNOW")
S, E, D, T = (TypeVar(n) for n in "SEDT")

_0 = TypeVar("_0")
_1 = TypeVar("_1")
_2 = TypeVar("_2")
_3 = TypeVar("_3")
_4 = TypeVar("_4")
_5 = TypeVar("_5")
Dim = Annotated[_0, "dim"]  # Dim[B] is the variable B in the place of a dim
Rank0 = tuple[()]
Rank1 = tuple[_0]
Rank2 = tuple[_0, _1]
Rank3 = tuple[_0, _1, _2]
Rank4 = tuple[_0, _1, _2, _3]
Rank5 = tuple[_0, _1, _2, _3, _4]
Rank6 = tuple[_0, _1, _2, _3, _4, _5]
