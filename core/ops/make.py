"""Tensors made from nothing: ranges, masks, one-hot rows, random numbers. All are expressions of the element's index."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import check_shape
from ..device import Device, _fitting
from ..dispatch import apply
from ..dtypes import as_dtype, bool_, f32, f64, i64, u32
from ..elementwise import Elementwise
from ..errors import DTypeError, ShapeError
from ..expr import Expr, arg, cast, const, index, map_program, random, scalar, select
from ..expr import functions as F
from ..registry import register
from ..tensor import Tensor
from ..types import Signature, TensorType
from ._define import as_tensor, public

_TWO_PI = 6.283185307179586


def _generate(device: Device, expr: Expr, shape: tuple[int, ...], dtype: Any, scalars: tuple[Any, ...]) -> Tensor:
    return device.generate(map_program((expr,), (), (dtype,), len(scalars)), shape, scalars)


def arange(self: Device, start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Tensor:
    """start, start + step, ... below stop: i64 for ints, f32 if a float is among them, or `dtype`.

    >>> import dfdx
    >>> dfdx.device("cpu").arange(3).tolist()
    [0, 1, 2]
    """
    start, stop = (0, start) if stop is None else (start, stop)
    if step == 0:
        raise ShapeError("[arange] the step is 0")
    chosen = (
        as_dtype(dtype) if dtype is not None else f32 if any(isinstance(v, float) for v in (start, stop, step)) else i64
    )
    n = max(0, int(np.ceil((stop - start) / step)))
    values = tuple(_fitting("arange", v, chosen) for v in (start, step))
    at = cast(index(), chosen)
    return _generate(self, scalar(0) + at * scalar(1), self._checked("arange", (n,), chosen).shape, chosen, values)


def counting(device: Device, n: int, dtype: Any) -> Tensor:
    """0 to n - 1, made once: no part of what a recorded step does."""
    type_ = TensorType((n,), dtype)
    return device._once(type_, lambda: _counted(device, type_))


def _counted(device: Device, type_: TensorType) -> Tensor:
    dtype = type_.dtype
    program = map_program((cast(index(), dtype),), (), (dtype,), 0)
    attrs = {"program": program, "shape": type_.shape, "inplace": ()}
    return device._made(type_, lambda: device.backend.primitive("map", Signature((), (type_,)), **attrs)())


def linspace(self: Device, start: float, stop: float, count: int, dtype: Any = f32) -> Tensor:
    """`count` evenly spaced values from start to stop, both included."""
    dtype = as_dtype(dtype)
    if not dtype.is_float:
        raise DTypeError(f"[linspace] makes floats, not {dtype.name}")
    shape = check_shape("linspace", (count,))
    step = (stop - start) / (count - 1) if count > 1 else 0.0
    at = cast(index(), dtype)
    last = select(F.eq(index(), scalar(2)), cast(scalar(3), dtype), scalar(0) + at * scalar(1))
    return _generate(self, last, shape, dtype, (float(start), step, max(count - 1, 1), float(stop)))


def eye(self: Device, n: int, m: int | None = None, dtype: Any = f32) -> Tensor:
    """(n, m) with ones on the diagonal, zeros elsewhere."""
    shape = check_shape("eye", (n, n if m is None else m))
    dtype = self._checked("eye", shape, dtype).dtype
    row, col = F.floordiv(index(), scalar(0)), F.mod(index(), scalar(0))
    return _generate(self, cast(F.eq(row, col), dtype), shape, dtype, (max(shape[1], 1),))


def _triangle(self: Device, shape: Any, value: Any, diagonal: int, dtype: Any, upper: bool, op: str) -> Tensor:
    type_ = self._checked(op, shape, dtype)
    n = type_.shape[-1] if type_.shape else 1
    m = type_.shape[-2] if len(type_.shape) > 1 else 1
    row, col = F.mod(F.floordiv(index(), scalar(0)), scalar(1)), F.mod(index(), scalar(0))
    inside = (col >= row + scalar(2)) if upper else (col <= row + scalar(2))
    value = _fitting(op, value, type_.dtype)
    expr = select(inside, cast(scalar(3), type_.dtype), cast(const(False if type_.dtype is bool_ else 0), type_.dtype))
    return _generate(self, expr, type_.shape, type_.dtype, (max(n, 1), max(m, 1), int(diagonal), value))


def upper_tri(self: Device, shape: Any, value: Any = 1, diagonal: int = 0, dtype: Any = f32) -> Tensor:
    """`value` on and above a diagonal of the last two dims, 0 below; a positive `diagonal` lies right of the main one."""
    return _triangle(self, shape, value, diagonal, dtype, True, "upper_tri")


def lower_tri(self: Device, shape: Any, value: Any = 1, diagonal: int = 0, dtype: Any = f32) -> Tensor:
    """`value` on and below a diagonal of the last two dims, 0 above."""
    return _triangle(self, shape, value, diagonal, dtype, False, "lower_tri")


def upper_tri_like(self: Device, other: Tensor, value: Any = 1, diagonal: int = 0) -> Tensor:
    """`upper_tri` of the shape and dtype of another tensor."""
    return upper_tri(self, other.shape, value, diagonal, other.dtype)


def lower_tri_like(self: Device, other: Tensor, value: Any = 1, diagonal: int = 0) -> Tensor:
    """`lower_tri` of the shape and dtype of another tensor."""
    return lower_tri(self, other.shape, value, diagonal, other.dtype)


def one_hot_encode(self: Device, labels: Any, n: int, dtype: Any = f32) -> Tensor:
    """Rows of zeros with a one at the label; a label outside 0..n-1 gives a row of zeros.

    * `labels`: integers of any shape S, as a tensor or nested lists.

    Returns S + (n,).
    """
    if not isinstance(labels, Tensor):
        labels = self.tensor(labels)
    if not labels.dtype.is_int:
        raise DTypeError(f"[one_hot_encode] labels are integers, not {labels.dtype.name}")
    check_shape("one_hot_encode", (*labels.shape, n))
    return one_hot_of(labels, self.arange(n, dtype=labels.dtype), dtype)


def one_hot_of(labels: Tensor, classes: Tensor, dtype: Any) -> Tensor:
    """S + (n,) of ones where a label of shape S is one of n classes, all of the labels' dtype."""
    shape, lead = (*labels.shape, *classes.shape), tuple(range(labels.rank))
    return (labels.broadcast_to(shape, labels.rank) == classes.broadcast_to(shape, lead)).to_dtype(dtype)


# ----- random numbers

_KEY, _COUNTER = scalar(0), scalar(1)
_WORD = random(_KEY, _COUNTER)
UNIT_F32 = cast(F.floordiv(_WORD, 256), f32) * 2.0**-24


def _words(self: Device, shape: tuple[int, ...], per_element: int) -> list[Tensor]:
    """The words of each element as tensors of `shape`."""
    n = int(np.prod(shape)) * per_element
    key, counter = self.draw(n)
    from ..cell import new_cell
    from ..tensor import wrap

    if n == 0:
        return [self.zeros(shape, u32)] * per_element
    type_ = TensorType((n,), u32)
    words = self.backend.launch("random_bits", Signature((), (type_,)), (key, counter), count=n)
    bits = wrap(new_cell(words), type_, self)
    split = bits.reshape((n // per_element, per_element))
    return [split[:, k].reshape(shape) for k in range(per_element)]


def _float_dtype(op: str, dtype: Any) -> Any:
    dtype = as_dtype(dtype)
    if not dtype.is_float:
        raise DTypeError(
            f"[{op}] draws floats, not {dtype.name}; dev.sample(shape, 'integers', low, high) draws integers"
        )
    return dtype


_UNIT_F64 = (cast(F.floordiv(arg(0), 32), f64) * 67108864.0 + cast(F.floordiv(arg(1), 64), f64)) * 2.0**-53


def sample_uniform(self: Device, shape: Any = (), dtype: Any = f32, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Uniform floats in [low, high): f32 from the top 24 bits of one Philox word, f64 from 53 bits of two."""
    dtype = _float_dtype("sample_uniform", dtype)
    dims = self._checked("sample_uniform", shape, dtype).shape
    if dtype is f64:
        hi, lo = _words(self, dims, 2)
        return map_tensors(_UNIT_F64 * scalar(1) + scalar(0), (hi, lo), f64, (float(low), float(high) - float(low)))
    key, counter = self.draw(int(np.prod(dims)))
    expr = UNIT_F32 if (low, high) == (0.0, 1.0) else UNIT_F32 * cast(scalar(3), f32) + cast(scalar(2), f32)
    scalars = (key, counter) if (low, high) == (0.0, 1.0) else (key, counter, float(low), float(high) - float(low))
    return _generate(self, expr, dims, dtype, scalars)


_U1 = (cast(F.floordiv(arg(0), 256), f32) + 1.0) * 2.0**-24
_U2 = cast(F.floordiv(arg(1), 256), f32) * 2.0**-24
_NORMAL_F32 = F.sqrt(-2.0 * F.log(_U1)) * F.cos(_U2 * _TWO_PI)
_NORMAL_F64 = F.sqrt(-2.0 * F.log((cast(arg(0), f64) + 1.0) * 2.0**-32)) * F.cos(
    cast(arg(1), f64) * (2.0**-32 * _TWO_PI)
)


def sample_normal(self: Device, shape: Any = (), dtype: Any = f32, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Normal floats: Box-Muller on words 2i and 2i + 1 of the draw. Source: Box and Muller (1958)."""
    dtype = _float_dtype("sample_normal", dtype)
    dims = self._checked("sample_normal", shape, dtype).shape
    a, b = _words(self, dims, 2)
    out = map_tensors(_NORMAL_F64 if dtype is f64 else _NORMAL_F32, (a, b), dtype, ())
    return out if (mean, std) == (0.0, 1.0) else out * float(std) + float(mean)


def map_tensors(expr: Expr, tensors: tuple[Tensor, ...], dtype: Any, scalars: tuple[Any, ...]) -> Tensor:
    """An untraced map of tensors of one shape into a given dtype."""
    from ..cell import new_cell
    from ..tensor import wrap

    first = tensors[0]
    if first.numel == 0:
        return first.device.zeros(first.shape, dtype)
    program = map_program((expr,), tuple(t.dtype for t in tensors), (dtype,), len(scalars))
    sig = Signature(tuple(TensorType(t.shape, t.dtype) for t in tensors), (TensorType(first.shape, dtype),))
    cells = tuple([t._cell for t in tensors])
    inputs = (*[c.array for c in cells], *scalars)
    array = first.device.backend.launch("map", sig, inputs, cells, program=program, shape=first.shape, inplace=())
    return wrap(new_cell(array), TensorType(first.shape, dtype), first.device)


def sample(self: Device, shape: Any, distribution: str = "uniform", *parameters: Any, dtype: Any = None) -> Tensor:
    """Draws from "uniform" (low, high), "normal" (mean, std), "integers" (low, high; high excluded), "bernoulli" (p)."""
    if distribution == "uniform":
        return sample_uniform(self, shape, dtype or f32, *parameters)
    if distribution == "normal":
        return sample_normal(self, shape, dtype or f32, *parameters)
    dims = check_shape("sample", shape)
    key, counter = self.draw(int(np.prod(dims)))
    if distribution == "bernoulli":
        (p,) = parameters or (0.5,)
        return _generate(self, cast(scalar(2), f32) > UNIT_F32, dims, bool_, (key, counter, float(p)))
    if distribution == "integers":
        low, high = parameters if len(parameters) == 2 else (0, *parameters)
        if not 0 < high - low <= 2**32:
            raise ValueError(f"[sample] integers need 1 to 2^32 values, got [{low}, {high})")
        chosen = as_dtype(dtype or i64)
        expr = cast(cast(F.mod(_WORD, scalar(2)), i64) + scalar(3), chosen)
        return _generate(
            self,
            expr if high - low < 2**32 else cast(cast(_WORD, i64) + scalar(2), chosen),
            dims,
            chosen,
            (key, counter, high - low, low) if high - low < 2**32 else (key, counter, low),
        )
    raise ValueError(f"[sample] no distribution {distribution!r}; there are uniform, normal, integers, bernoulli")


def sample_like(self: Device, other: Tensor, distribution: str = "uniform", *parameters: Any) -> Tensor:
    """`sample` of the shape of another tensor."""
    return sample(
        self,
        other.shape,
        distribution,
        *parameters,
        dtype=other.dtype if distribution in ("uniform", "normal") else None,
    )


def sample_uniform_like(self: Device, other: Tensor) -> Tensor:
    """Uniform floats in [0, 1) of the shape and dtype of another tensor."""
    return sample_uniform(self, other.shape, other.dtype)


def sample_normal_like(self: Device, other: Tensor) -> Tensor:
    """Normal floats of the shape and dtype of another tensor."""
    return sample_normal(self, other.shape, other.dtype)


for _f in (
    arange, linspace, eye, upper_tri, lower_tri, upper_tri_like, lower_tri_like, one_hot_encode, sample, sample_like,
    sample_uniform, sample_normal, sample_uniform_like, sample_normal_like,
):  # fmt: skip
    setattr(Device, _f.__name__, _f)


# ----- ops that draw or mask


_KEEP = cast(scalar(2), f32) <= UNIT_F32


class _Dropout(Elementwise):
    """Its mask is drawn anew from (key, counter) in the backward pass, so nothing is saved."""


_DROPOUT = register(
    _Dropout(
        "dropout",
        select(_KEEP, arg(0) * scalar(3), const(0.0)),
        1,
        n_scalars=4,
        family="random",
        doc="0 with probability p, else x / (1 - p); the mask is Philox.",
    )
)


@public()
def dropout(x: Tensor, p: float = 0.5) -> Tensor:
    """Each element is 0 with probability p, else x / (1 - p). The mask is the device's next Philox draw."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"[dropout] p is a probability in [0, 1], not {p}")
    as_tensor("dropout", x)
    key, counter = x.device.draw(x.numel)
    return apply(_DROPOUT, (x,), (), (key, counter, float(p), 1.0 / (1.0 - p) if p < 1.0 else 0.0))


def _masked(x: Tensor, diagonal: int, upper: bool) -> Tensor:
    from .compare import where

    as_tensor("upper_tri" if upper else "lower_tri", x)
    make = upper_tri if upper else lower_tri
    mask = make(x.device, x.shape, True, diagonal, bool_)
    return where(mask, x, x.device.zeros(x.shape, x.dtype))


@public("triu")
def upper_tri_(x: Tensor, diagonal: int = 0) -> Tensor:
    """x on and above a diagonal of the last two dims, 0 below."""
    return _masked(x, diagonal, True)


@public("tril")
def lower_tri_(x: Tensor, diagonal: int = 0) -> Tensor:
    """x on and below a diagonal of the last two dims, 0 above."""
    return _masked(x, diagonal, False)
