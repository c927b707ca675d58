"""Batch normalisation: by the batch while training, by running statistics otherwise."""

from __future__ import annotations

from math import prod
from typing import Any

from ..core.dispatch import apply
from ..core.expr import arg, map_program, row_sum, scalar
from ..core.expr import functions as F
from ..core.inplace import update
from ..core.public import ShapeError, TapeError, Tensor
from ..core.registry import register
from ..core.rowops import RowOp
from . import init
from .dims import Known, one
from .module import Module
from .param import Param

__all__ = ["BatchNorm1D", "BatchNorm2D"]

x, _n = arg(0), scalar(0)
_MEAN = row_sum(x) * _n
_VAR = row_sum(F.square(x - _MEAN)) * _n


def _by_batch_gradient(g: Any, x: Any, scale: Any, bias: Any, y: Any) -> tuple[Any, ...]:
    dx, normal = F.normalized_gradient(g, x, _n, scalar(1))
    return dx * scale, row_sum(g * normal), row_sum(g)


_BY_BATCH = register(
    RowOp(
        "batch_norm", (x - _MEAN) / F.sqrt(_VAR + scalar(1)) * arg(1) + arg(2), ("full", "row", "row"), "full",
        n_scalars=2, gradient=_by_batch_gradient, doc="(x - mean) / sqrt(var + eps), var biased, then scale and bias per channel.",
    )
)  # fmt: skip
_BY_RUNNING = register(
    RowOp(
        "batch_norm_infer", (x - arg(3)) / F.sqrt(arg(4) + scalar(0)) * arg(1) + arg(2), ("full", *("row",) * 4), "full",
        n_scalars=1, doc="(x - running mean) / sqrt(running var + eps), then scale and bias per channel.",
    )
)  # fmt: skip
_STATISTICS = register(
    RowOp(
        "mean_var",
        (_MEAN, _VAR),
        ("full",),
        ("row", "row"),
        n_scalars=1,
        doc="Mean and biased variance, in one launch.",
    )
)


class BatchNorm2D(Module):
    """Normalises each channel of images (C, H, W) or (N, C, H, W). Source: arXiv 1502.03167; PyTorch `nn.BatchNorm2d`.

    A traced input trains: mean and biased variance of the batch normalise, and the running ones move towards them by
    `momentum` (the variance towards the unbiased one). An untraced input, or a `frozen()` model, uses the running ones.

    Parameters: `scale` (C), ones; `bias` (C), zeros. Not trained: `running_mean` (C), zeros; `running_var` (C), ones.
    """

    ranks, takes = {3: 0, 4: 1}, "(C, H, W) or (N, C, H, W)"  # rank: axis of the channels

    def __init__(self, channels: int, epsilon: float = 1e-5, momentum: float = 0.1) -> None:
        self.channels, self.epsilon, self.momentum = channels, epsilon, momentum
        self.scale: Any = Param((channels,), init.ones)
        self.bias: Any = Param((channels,), init.zeros)
        self.running_mean: Any = Param((channels,), init.zeros, trainable=False)
        self.running_var: Any = Param((channels,), init.ones, trainable=False)

    def settings(self) -> str:
        changed = [
            f", {k}={getattr(self, k)}" for k, v in (("epsilon", 1e-5), ("momentum", 0.1)) if getattr(self, k) != v
        ]
        return f"{self.channels}" + "".join(changed)

    def propagate(self, known: Any) -> Known:
        return one(known).need(self, "channels", c=self.channels)

    def _axes(self, x: Tensor) -> tuple[int, ...]:
        axis = self.ranks.get(x.rank)
        if axis is None or x.shape[axis] != self.channels:
            raise ShapeError(
                f"[{type(self).__name__}] takes {self.takes} with C = {self.channels}, not {x.type_text} on {x.device.name}"
            )
        return tuple([i for i in range(x.rank) if i != axis])

    def forward(self, x: Tensor) -> Tensor:
        """By the running statistics. A traced input is a `TapeError`, unless the module is `frozen()`."""
        if x._tape is not None and not self._inferring:
            raise TapeError(
                f"[{type(self).__name__}] forward infers, but the input is traced\n"
                "  hint: call the model, or forward_mut; model.frozen() infers under a tape"
            )
        given = (x, self.scale, self.bias, self.running_mean, self.running_var)
        return apply(_BY_RUNNING, given, (self._axes(x),), (self.epsilon,))

    def forward_mut(self, x: Tensor) -> Tensor:
        """By the batch, which moves the running statistics. An untraced input is a `TapeError`."""
        if x._tape is None:
            raise TapeError(
                f"[{type(self).__name__}] forward_mut trains, but the input owns no tape\n"
                "  hint: trace the model's input, or call forward"
            )
        axes = self._axes(x)
        n = prod(x.shape[a] for a in axes)
        if n < 2:
            raise ShapeError(
                f"[{type(self).__name__}] needs more than one value per channel to train, got {x.type_text}\n"
                "  hint: a larger batch, or model.frozen()"
            )
        mean, var = apply(_STATISTICS, (x.detach(),), (axes,), (1.0 / n,))
        y = apply(_BY_BATCH, (x, self.scale, self.bias), (axes,), (1.0 / n, self.epsilon))
        dtype, m = x.dtype, float(self.momentum)
        program = _running_program(dtype)
        update(program, (self.running_mean, self.running_var), (mean, var), (1.0 - m, m, m * n / (n - 1)), "batch_norm")
        return y


class BatchNorm1D(BatchNorm2D):
    """Normalises each channel of (N, C) or (N, C, L); otherwise as `BatchNorm2D`. Source: PyTorch `nn.BatchNorm1d`."""

    ranks, takes = {2: 1, 3: 1}, "(N, C) or (N, C, L)"

    def propagate(self, known: Any) -> Known:
        return one(known)  # whether C is the last axis or the one before it is the input's choice


def _running_program(dtype: Any) -> Any:
    """running (1 - m) + batch m, for mean and variance at once."""
    keep, mean, var = scalar(0), scalar(1), scalar(2)
    return map_program((keep * arg(0) + mean * arg(2), keep * arg(1) + var * arg(3)), (dtype,) * 4, (dtype,) * 2, 3)
