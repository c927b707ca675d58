"""Convolutions: `conv2d` and its two gradients, three ops closed under differentiation; all others are forms of them.

With C groups g: x (N, C, H, W), weight (O, C/g, KH, KW), and y (N, O, OH, OW), where OH = (H + 2 PH - DH (KH - 1) - 1) // SH + 1.
Each is linear in both arguments, so each one's gradients are the other two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..checks import same_dtype, shape_error
from ..dispatch import apply
from ..elementwise import check_takes
from ..errors import ShapeError
from ..registry import Composite, register
from ..tensor import Tensor
from ..types import TensorType
from ._define import as_one_op, as_tensor, public
from .join import pad_axis
from .reduce import narrow, widened

Pair = tuple[int, int]
ATTRS = ("stride", "padding", "dilation", "groups")


def pair(op: str, name: str, value: Any, least: int = 1) -> Pair:
    """(vertical, horizontal) from an int or a pair of ints."""
    both = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(both) != 2 or any(isinstance(v, bool) or not isinstance(v, int) or v < least for v in both):
        raise ShapeError(f"[{op}] {name} is an int or a pair of ints, each at least {least}, not {value!r}")
    return both[0], both[1]


def extent(op: str, x: Any, kernel: Any, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    """How many windows fit on each axis; `ShapeError` if none does."""
    out = []
    for axis, k, s, p, d in zip((-2, -1), kernel, stride, padding, dilation, strict=True):
        room, span = x.shape[axis] + 2 * p, d * (k - 1) + 1
        if room < span:
            facts = {"x": f"x.shape[{axis}] = {x.shape[axis]}, padded {room}, a window spans {span}"}
            raise shape_error(
                op,
                "a window is larger than the padded image",
                {"x": x},
                facts,
                "more padding, or a smaller kernel or dilation",
            )
        out.append((room - span) // s + 1)
    return out[0], out[1]


def windows(x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, value: Any = 0) -> list[Any]:
    """For each place of the window, in row-major order, what all windows see there: (N, C, OH, OW) views of the padded image."""
    oh, ow = extent("windows", x, kernel, stride, padding, dilation)
    for axis, p in zip((2, 3), padding, strict=True):
        x = pad_axis(x, axis, p, p, value)
    rows = [slice(i * dilation[0], i * dilation[0] + (oh - 1) * stride[0] + 1, stride[0]) for i in range(kernel[0])]
    cols = [slice(j * dilation[1], j * dilation[1] + (ow - 1) * stride[1] + 1, stride[1]) for j in range(kernel[1])]
    return [x[:, :, r, c] for r in rows for c in cols]


def overlap_add(parts: list[Any], size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    """The transpose of `windows`: an image to which every place's values are added where they were seen."""
    from .move import place

    n, c = parts[0].shape[:2]
    padded = (n, c, size[0] + 2 * padding[0], size[1] + 2 * padding[1])
    total = None
    for k, part in enumerate(parts):
        starts = (0, 0, k // kernel[1] * dilation[0], k % kernel[1] * dilation[1])
        image = place(part, padded, starts, (1, 1, *stride))
        total = image if total is None else total + image
    assert total is not None
    return total[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]


def _columns(x: Any, kernel: Pair, groups: int, **at: Any) -> Any:
    """im2col: (N, groups, C/groups * KH * KW, OH * OW)."""
    from .join import stack

    parts = windows(x, kernel, **at)
    n, c, oh, ow = parts[0].shape
    return stack(parts, 2).reshape((n, groups, c // groups * len(parts), oh * ow))


def _grouped(weight: Any, groups: int, batch: int) -> Any:
    """The weight as a matrix per image and group: (N, groups, O/groups, C/groups * KH * KW)."""
    o, c, kh, kw = weight.shape
    return weight.reshape((groups, o // groups, c * kh * kw)).broadcast_to((batch, groups, o // groups, c * kh * kw), 0)


def _conv(x: Any, weight: Any, *, groups: int, **at: Any) -> Any:
    out = extent("conv2d", x, weight.shape[2:], **at)
    columns = _columns(widened(x), weight.shape[2:], groups, **at)
    y = _grouped(widened(weight), groups, x.shape[0]) @ columns
    return narrow(y.reshape((x.shape[0], weight.shape[0], *out)), x.dtype)


def _conv_input(g: Any, weight: Any, *, size: Pair, groups: int, **at: Any) -> Any:
    (n, o, oh, ow), (_, c, kh, kw) = g.shape, weight.shape
    columns = _grouped(widened(weight), groups, n).permute((0, 1, 3, 2)) @ widened(g).reshape(
        (n, groups, o // groups, oh * ow)
    )
    places = columns.reshape((n, c * groups, kh * kw, oh, ow))
    return narrow(overlap_add([places[:, :, k] for k in range(kh * kw)], size, (kh, kw), **at), g.dtype)


def _conv_weight(x: Any, g: Any, *, kernel: Pair, groups: int, **at: Any) -> Any:
    (n, o, oh, ow), c = g.shape, x.shape[1] // groups
    columns = (
        _columns(widened(x), kernel, groups, **at)
        .permute((1, 0, 3, 2))
        .reshape((groups, n * oh * ow, c * kernel[0] * kernel[1]))
    )
    rows = (
        widened(g)
        .reshape((n, groups, o // groups, oh * ow))
        .permute((1, 2, 0, 3))
        .reshape((groups, o // groups, n * oh * ow))
    )
    return narrow((rows @ columns).reshape((o, c, *kernel)), g.dtype)


def _operands(op: str, **operands: Tensor) -> None:
    """Four dims and one float dtype."""
    a, b = operands.values()
    check_takes(op, "float", (a, b))
    same_dtype(op, a, b)
    for name, t in operands.items():
        if t.rank != 4:
            raise shape_error(op, f"{name} must have four dims", operands, {name: f"{name}.rank = {t.rank}"})


def _equal(op: str, what: str, operands: dict[str, Tensor], left: tuple[str, Any], right: tuple[str, Any]) -> None:
    if left[1] != right[1]:
        facts = {name: f"{text} = {n}" for name, (text, n) in zip(operands, (left, right), strict=True)}
        raise shape_error(op, what, operands, facts, "x is (N, C, H, W), a weight (O, C / groups, KH, KW)")


def _divisible(op: str, operands: dict[str, Tensor], groups: int, channels: int, which: str) -> None:
    if channels % groups:
        raise shape_error(op, f"{channels} {which} channels do not make groups = {groups}", operands)


def _infer_conv(x: Tensor, weight: Tensor, *, groups: int, **at: Any) -> TensorType:
    both = {"x": x, "weight": weight}
    _operands("conv2d", **both)
    c = ("weight.shape[1] * groups", weight.shape[1] * groups)
    _equal("conv2d", "input channels differ", both, ("x.shape[1]", x.shape[1]), c)
    _divisible("conv2d", both, groups, weight.shape[0], "output")
    return TensorType((x.shape[0], weight.shape[0], *extent("conv2d", x, weight.shape[2:], **at)), x.dtype)


def _infer_input(g: Tensor, weight: Tensor, *, size: Pair, groups: int, **at: Any) -> TensorType:
    both = {"g": g, "weight": weight}
    _operands("conv2d_input", **both)
    _equal("conv2d_input", "channels differ", both, ("g.shape[1]", g.shape[1]), ("weight.shape[0]", weight.shape[0]))
    _divisible("conv2d_input", both, groups, weight.shape[0], "output")
    out = TensorType((g.shape[0], weight.shape[1] * groups, *size), g.dtype)
    made = ("windows", extent("conv2d_input", out, weight.shape[2:], **at))
    _equal("conv2d_input", f"size {size} does not fit", both, ("g.shape[2:]", g.shape[2:]), made)
    return out


def _infer_weight(x: Tensor, g: Tensor, *, kernel: Pair, groups: int, **at: Any) -> TensorType:
    both = {"x": x, "g": g}
    _operands("conv2d_weight", **both)
    _equal("conv2d_weight", "batch sizes differ", both, ("x.shape[0]", x.shape[0]), ("g.shape[0]", g.shape[0]))
    _divisible("conv2d_weight", both, groups, x.shape[1], "input")
    _divisible("conv2d_weight", both, groups, g.shape[1], "output")
    made = ("windows", extent("conv2d_weight", x, kernel, **at))
    _equal("conv2d_weight", f"kernel {kernel} does not fit", both, made, ("g.shape[2:]", g.shape[2:]))
    return TensorType((g.shape[1], x.shape[1] // groups, *kernel), x.dtype)


def _at(e: Any) -> tuple[Any, ...]:
    return tuple(e.attrs[k] for k in ATTRS)


def _conv_vjp(e: Any, g: Any, needs: Any) -> tuple[Any, ...]:
    x, w = e.inputs
    dx = apply(_CONV_INPUT, (g, e.input(1)), (x.shape[2:], *_at(e))) if needs[0] else None
    return dx, apply(_CONV_WEIGHT, (e.input(0), g), (w.shape[2:], *_at(e))) if needs[1] else None


def _input_vjp(e: Any, x: Any, needs: Any) -> tuple[Any, ...]:
    dg = apply(_CONV, (x, e.input(1)), _at(e)) if needs[0] else None
    return dg, apply(_CONV_WEIGHT, (x, e.input(0)), (e.inputs[1].shape[2:], *_at(e))) if needs[1] else None


def _weight_vjp(e: Any, w: Any, needs: Any) -> tuple[Any, ...]:
    dx = apply(_CONV_INPUT, (e.input(1), w), (e.inputs[0].shape[2:], *_at(e))) if needs[0] else None
    return dx, apply(_CONV, (e.input(0), w), _at(e)) if needs[1] else None


def _define(name: str, infer: Any, body: Any, vjp: Any, own: tuple[str, ...], doc: str) -> Any:
    return register(Composite(name, infer, body, attrs=(*own, *ATTRS), vjp=vjp, saves=(0, 1), family="conv", doc=doc))


_CONV = _define(
    "conv2d", _infer_conv, _conv, _conv_vjp, (), "Sums of windows of an image times a weight, zeros around it."
)
_CONV_INPUT = _define(
    "conv2d_input",
    _infer_input,
    _conv_input,
    _input_vjp,
    ("size",),
    "The transposed convolution: the gradient of conv2d by its image.",
)
_CONV_WEIGHT = _define(
    "conv2d_weight", _infer_weight, _conv_weight, _weight_vjp, ("kernel",), "The gradient of conv2d by its weight."
)


def _images(op: str, x: Any, weight: Any, rank: int, groups: Any) -> tuple[Any, Callable[[Any], Any]]:
    """x with a batch axis, and how to drop it again."""
    as_tensor(op, x), as_tensor(op, weight)
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
        raise ShapeError(f"[{op}] groups is a positive int, not {groups!r}")
    if x.rank not in (rank - 1, rank) or weight.rank != rank:
        facts = {"x": f"x.rank = {x.rank}", "weight": f"weight.rank = {weight.rank}"}
        hint = f"x has {rank} dims, or {rank - 1} without a batch; the weight {rank}"
        raise shape_error(op, "ranks do not fit", {"x": x, "weight": weight}, facts, hint)
    if x.rank == rank:
        return x, lambda y: y
    return x.reshape((1, *x.shape)), lambda y: y.reshape(y.shape[1:])


def flat(x: Any) -> Any:
    """A signal as an image of height 1."""
    return x.reshape((*x.shape[:-1], 1, x.shape[-1]))


def line(y: Any) -> Any:
    """An image of height 1 as a signal."""
    return y.reshape((*y.shape[:-2], y.shape[-1]))


def across(op: str, name: str, value: Any, least: int = 1) -> Pair:
    """The pair of a horizontal int, for images of height 1: vertically the least, which does nothing."""
    (value,) = value if isinstance(value, (tuple, list)) and len(value) == 1 else (value,)
    return least, pair(op, name, value, least)[1]


def placing(
    op: str, stride: Any, padding: Any, dilation: Any, of: Callable[..., Pair] = pair
) -> tuple[Pair, Pair, Pair]:
    """Where the windows lie, as pairs."""
    return of(op, "stride", stride), of(op, "padding", padding, 0), of(op, "dilation", dilation)


@public()
@as_one_op
def conv2d(x: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Tensor:
    """2-d convolution (cross-correlation), with zeros around the image.

    * `x`: (N, C, H, W) or (C, H, W); `weight`: (O, C / groups, KH, KW).
    * `stride`, `padding`, `dilation`: in pixels, an int or a pair (vertical, horizontal).
    * `groups`: channels fall into so many groups, each seen by its own part of the weight.

    Returns (N, O, OH, OW) or (O, OH, OW), where OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1.
    Raises `ShapeError` where channels or groups do not fit, or the kernel is larger than the padded image.

    >>> import dfdx
    >>> dev = dfdx.device("cpu")
    >>> dev.ones((8, 3, 28, 28)).conv2d(dev.ones((16, 3, 5, 5)), stride=2, padding=1).shape
    (8, 16, 13, 13)
    """
    images, back = _images("conv2d", x, weight, 4, groups)
    at = placing("conv2d", stride, padding, dilation)
    return back(apply(_CONV, (images, weight), (*at, groups)))


@public()
@as_one_op
def conv1d(x: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Tensor:
    """1-d convolution: x (N, C, L) or (C, L), weight (O, C / groups, K); (N, O, OL) or (O, OL). See `conv2d`.

    >>> import dfdx
    >>> dev = dfdx.device("cpu")
    >>> dev.tensor([[1.0, 2.0, 3.0]]).conv1d(dev.tensor([[[1.0, -1.0]]])).tolist()
    [[-1.0, -1.0]]
    """
    signals, back = _images("conv1d", x, weight, 3, groups)
    at = placing("conv1d", stride, padding, dilation, across)
    return back(line(apply(_CONV, (flat(signals), flat(weight)), (*at, groups))))


def _transposed(op: str, x: Any, weight: Any, at: tuple[Pair, Pair, Pair], extra: Pair, groups: int) -> Any:
    """The smallest image whose convolution has the shape of x, `extra` larger at its end."""
    stride, padding, dilation = at
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ShapeError(f"[{op}] output_padding {extra} must be below the stride {stride} or the dilation {dilation}")
    if x.shape[1] != weight.shape[0]:
        facts = {"x": f"x.shape[1] = {x.shape[1]}", "weight": f"weight.shape[0] = {weight.shape[0]}"}
        raise shape_error(
            op, "input channels differ", {"x": x, "weight": weight}, facts, "the weight is (C, O / groups, KH, KW)"
        )
    size = []
    for n, k, s, p, d, e in zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, extra, strict=True):
        size.append((n - 1) * s - 2 * p + d * (k - 1) + 1 + e if n else 0)
    if min(size) < 0 or 0 in x.shape[2:]:
        raise shape_error(op, f"the result would have size {size}", {"x": x, "weight": weight}, hint="less padding")
    for axis, (e, s) in enumerate(zip(extra, stride, strict=True)):
        x = pad_axis(x, 2 + axis, 0, e // s)  # an extra as large as the stride makes room for windows that saw nothing
    return apply(_CONV_INPUT, (x, weight), (tuple(size), *at, groups))


@public("conv_transpose2d")
@as_one_op
def convtrans2d(
    x: Tensor,
    weight: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    output_padding: Any = 0,
) -> Tensor:
    """2-d transposed convolution: the gradient of `conv2d` by its image. Source: `torch.nn.functional.conv_transpose2d`.

    * `x`: (N, C, H, W) or (C, H, W); `weight`: (C, O / groups, KH, KW).
    * `output_padding`: so many more rows and columns at the end, below the stride or the dilation.

    Returns (N, O, OH, OW) or (O, OH, OW), where OH = (H - 1) stride - 2 padding + dilation (KH - 1) + 1 + output_padding.

    >>> import dfdx
    >>> dev = dfdx.device("cpu")
    >>> dev.ones((8, 16, 13, 13)).convtrans2d(dev.ones((16, 3, 5, 5)), stride=2, padding=1, output_padding=1).shape
    (8, 3, 28, 28)
    """
    images, back = _images("convtrans2d", x, weight, 4, groups)
    at = placing("convtrans2d", stride, padding, dilation)
    extra = pair("convtrans2d", "output_padding", output_padding, 0)
    return back(_transposed("convtrans2d", images, weight, at, extra, groups))


@public("conv_transpose1d")
@as_one_op
def convtrans1d(
    x: Tensor,
    weight: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    output_padding: Any = 0,
) -> Tensor:
    """1-d transposed convolution: x (N, C, L) or (C, L), weight (C, O / groups, K). See `convtrans2d`."""
    signals, back = _images("convtrans1d", x, weight, 3, groups)
    at = placing("convtrans1d", stride, padding, dilation, across)
    extra = across("convtrans1d", "output_padding", output_padding, 0)
    return back(line(_transposed("convtrans1d", flat(signals), flat(weight), at, extra, groups)))
