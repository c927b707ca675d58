"""Convolutions."""

from __future__ import annotations

from typing import Any

from ..core.public import ShapeError, Tensor, conv1d, conv2d, convtrans2d
from . import init
from .dims import Dim, Known, mismatch, one
from .linear import per_channel
from .module import Module
from .param import Param

__all__ = ["Conv1D", "Conv2D", "ConvTrans2D"]

Size = int | tuple[int, int]


class Conv2D(Module):
    """2-d convolution of images (C, H, W) or (N, C, H, W). Source: PyTorch `nn.Conv2d`, but without a bias unless asked for.

    * `inp`, `out`: channels; `kernel`, `stride`, `padding`, `dilation`: in pixels, an int or a pair (vertical, horizontal).
    * `groups`: channels fall into so many groups, each with its own part of the weight; it divides `inp` and `out`.

    Parameters: `weight` (out, inp / groups, KH, KW), uniform in ±sqrt(groups / (inp KH KW)); `bias` (out) in the same range.
    """

    op = staticmethod(conv2d)
    axes = ("h", "w")

    def __init__(
        self, inp: int, out: int, kernel: Size, stride: Size = 1, padding: Size = 0, dilation: Size = 1, groups: int = 1,
        bias: bool = False,
    ) -> None:  # fmt: skip
        self.inp, self.out, self.groups = inp, out, groups
        self.kernel, self.stride, self.padding, self.dilation = kernel, stride, padding, dilation
        name = type(self).__name__
        for what, n in (("inp", inp), ("out", out)):
            if groups < 1 or n % groups:
                raise ShapeError(
                    f"[{name}] {groups} groups do not divide {what} = {n} channels\n  hint: {what} % groups must be 0"
                )
        kernels = self._each(kernel, "kernel", 1)
        for what, least in (("stride", 1), ("padding", 0), ("dilation", 1)):
            self._each(getattr(self, what), what, least)
        shape = self._weight_shape(kernels)
        fan_in = shape[1]
        for k in kernels:
            fan_in *= k
        uniform = init.uniform(fan_in**-0.5 if fan_in else 0.0)
        self.weight: Any = Param(shape, uniform)
        self.bias: Any = Param((out,), uniform) if bias else None

    def _weight_shape(self, kernels: tuple[int, ...]) -> tuple[int, ...]:
        return (self.out, self.inp // self.groups, *kernels)

    def _each(self, value: Any, what: str, least: int) -> tuple[int, ...]:
        """One number per axis."""
        n = len(self.axes)
        found = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
        if len(found) != n or any(isinstance(v, bool) or not isinstance(v, int) or v < least for v in found):
            kind = "an int or a pair of ints" if n == 2 else "an int"
            raise ShapeError(f"[{type(self).__name__}] {what} is {kind}, at least {least}, not {value!r}")
        return found

    def settings(self) -> str:
        shown = [str(self.inp), str(self.out), str(self.kernel)]
        plain = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
        shown += [f"{k}={getattr(self, k)}" for k, v in plain.items() if getattr(self, k) != v]
        return ", ".join(shown) + ", bias=True" * (self.bias is not None)

    def propagate(self, known: Any) -> Known:
        x = one(known).need(self, "channels", **{self._channels: self.inp})
        given = [self._each(getattr(self, k), k, 0) for k in ("kernel", "stride", "padding", "dilation")]
        sizes = {a: self._size(x[-len(self.axes) + i], *[g[i] for g in given]) for i, a in enumerate(self.axes)}
        return x.give(self, **{self._channels: self.out}, **sizes)

    @property
    def _channels(self) -> str:
        return "c" if len(self.axes) == 2 else "c1d"

    def _size(self, n: Dim, kernel: int, stride: int, padding: int, dilation: int) -> Dim:
        return windows(self, n, kernel, stride, padding, dilation)

    def forward(self, x: Tensor) -> Tensor:
        y = type(self).op(x, self.weight, self.stride, self.padding, self.dilation, self.groups)
        return y if self.bias is None else y + per_channel(self.bias, y, y.rank - 1 - len(self.axes))


class Conv1D(Conv2D):
    """1-d convolution of signals (C, L) or (N, C, L). Source: PyTorch `nn.Conv1d`, but without a bias unless asked for.

    The arguments are those of `Conv2D`, each an int. Parameters: `weight` (out, inp / groups, K), `bias` (out).
    """

    op = staticmethod(conv1d)
    axes = ("l",)  # type: ignore[assignment]


class ConvTrans2D(Conv2D):
    """Transposed 2-d convolution. Source: PyTorch `nn.ConvTranspose2d`, but without a bias unless asked for.

    The arguments are those of `Conv2D`. Parameters: `weight` (inp, out / groups, KH, KW), uniform in
    ±sqrt(groups / (out KH KW)), PyTorch's rule; `bias` (out).
    """

    op = staticmethod(convtrans2d)

    def _weight_shape(self, kernels: tuple[int, ...]) -> tuple[int, ...]:
        return (self.inp, self.out // self.groups, *kernels)

    def _size(self, n: Dim, kernel: int, stride: int, padding: int, dilation: int) -> Dim:
        rest = dilation * (kernel - 1) + 1 - 2 * padding - stride
        if n.number is not None:
            return Dim(n.number * stride + rest, n.source)
        return n.plus(rest) if stride == 1 else Dim()


def windows(module: Module, n: Dim, kernel: int, stride: int, padding: int, dilation: int) -> Dim:
    """How many windows fit on an axis; known where n is, or where the stride is 1, a constant away from n."""
    rest = 2 * padding - dilation * (kernel - 1) - 1
    if n.number is None:
        return n.plus(rest + 1) if stride == 1 else Dim()
    if n.number + rest < 0:
        raise mismatch(
            module,
            f"a window spans {dilation * (kernel - 1) + 1}",
            f"the padded image has {n.number + 2 * padding}",
            n.source,
        )
    return Dim((n.number + rest) // stride + 1, n.source)
