"""The free dim: what differs between recordings at two sizes of it, as a function of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ...core.public import DfdxError
from .record import Recording

__all__ = ["SIZES", "Affine", "unified"]

SIZES = (2, 3)
_HINT = "\n  hint: give input= a fixed size instead of None"


class Affine(NamedTuple):
    """A dim that follows the free one: `slope * n + offset`."""

    slope: int
    offset: int


def unified(a: Recording, b: Recording) -> Recording:
    """Recordings at the two `SIZES` as one, whose ints, shapes and constants follow the free dim where the two differ."""
    if [x.spec for x in a.launches] != [x.spec for x in b.launches] or a.outputs != b.outputs:
        raise DfdxError(f"[export_onnx] the model runs other ops at another size of the free dim{_HINT}")
    launches = []
    for x, y in zip(a.launches, b.launches, strict=True):
        attrs = {k: _unify(v, y.attrs[k]) for k, v in x.attrs.items()}
        launches.append(x._replace(attrs=attrs, scalars=_unify(x.scalars, y.scalars)))
    out_shapes = [_unify(s, t) for s, t in zip(a.out_shapes, b.out_shapes, strict=True)]
    constants, stretched = dict(a.constants), dict(a.stretched)
    for i in set(a.constants) - set(a.names):
        constants[i], shape = _constant(a.constants[i], b.constants.get(i))
        if any(isinstance(d, Affine) for d in shape):
            stretched[i] = shape
    return replace(a, launches=launches, out_shapes=out_shapes, constants=constants, stretched=stretched)


def _unify(a: Any, b: Any) -> Any:
    """The same attribute at the two sizes: equal, or an `Affine` dim."""
    if isinstance(a, (tuple, list)) and type(a) is type(b) and len(a) == len(b):
        return tuple([_unify(x, y) for x, y in zip(a, b, strict=True)])
    if a is b or (type(a) is type(b) and a == b):
        return a
    if type(a) is int and type(b) is int:
        slope, rest = divmod(b - a, SIZES[1] - SIZES[0])
        if rest == 0:
            return Affine(slope, a - slope * SIZES[0])
    raise DfdxError(
        f"[export_onnx] {a!r} becomes {b!r} with another size of the free dim, which ONNX cannot follow{_HINT}"
    )


def _constant(a: Any, b: Any) -> tuple[Any, tuple[Any, ...]]:
    """A constant made by the model, one element long on the axes that follow the free dim, and its shape."""
    if b is None or a.ndim != b.ndim:
        raise DfdxError(f"[export_onnx] the model makes a constant that depends on the free dim{_HINT}")
    shape = _unify(a.shape, b.shape)
    small = a[tuple(slice(0, 1) if isinstance(d, Affine) else slice(None) for d in shape)]
    for each in (a, b):
        if not np.array_equal(np.broadcast_to(small, each.shape), each, equal_nan=a.dtype.kind == "f"):
            raise DfdxError(
                f"[export_onnx] the model makes a constant (a range or a mask) whose values follow the free dim{_HINT}"
            )
    return small, shape
