"""Loss scaling: keeps the gradients of f16 models out of the range where they vanish."""

from __future__ import annotations

from typing import Any

from ..core.public import Gradients, Tensor

__all__ = ["LossScaler"]


class LossScaler:
    """Multiplies the loss, so that small gradients survive in f16, and divides them again as the optimizer reads them.

    A step whose gradients are not finite is left out, and the factor shrinks; it grows after `interval` good steps.

    * `factor`: what the loss is multiplied by, at first; at most `largest`, which f16 can still hold.
    * `growth`, `backoff`: what the factor is multiplied by after good steps, and after a bad one.

    Source: PyTorch `torch.amp.GradScaler`. `opt.save(path, scaler)` and `opt.load(path, scaler)` keep its state.

    >>> import dfdx
    >>> from dfdx import nn, optim
    >>> dev = dfdx.device("cpu")
    >>> model = dev.build_module(nn.Linear(2, 1), dfdx.amp_f16)
    >>> opt, scaler = optim.Sgd(model), optim.LossScaler()
    >>> loss = model(dev.ones((4, 2), dfdx.amp_f16).traced(model.alloc_grads())).mean()
    >>> scaler.update(opt, model, scaler.scale(loss).backward())
    True
    """

    largest = 2.0**15

    def __init__(
        self, factor: float = 2.0**15, growth: float = 2.0, backoff: float = 0.5, interval: int = 2000
    ) -> None:
        if not 0.0 < factor <= self.largest or not backoff < 1.0 <= growth or interval < 1:
            raise ValueError(
                f"[LossScaler] wants 0 < factor <= {self.largest}, backoff < 1 <= growth and interval >= 1, "
                f"not {factor}, {backoff}, {growth}, {interval}"
            )
        self.factor, self.growth, self.backoff, self.interval = factor, growth, backoff, interval
        self.good_steps = 0
        self._unscaled: Gradients | None = None

    def scale(self, loss: Tensor) -> Tensor:
        """The loss to call `backward()` on."""
        return loss * self.factor

    def unscale_(self, grads: Gradients) -> Gradients:
        """Divide the gradients now, for clipping; `update` then does not do it again. Returns them."""
        if self._unscaled is not grads:
            grads.scale_(1.0 / self.factor)
            self._unscaled = grads
        return grads

    def update(self, opt: Any, model: Any, grads: Gradients, allow_unused: bool = False) -> bool:
        """A step of the optimizer with the gradients of the scaled loss; whether it was taken."""
        scale = 1.0 if self._unscaled is grads else 1.0 / self.factor
        finite = grads.all_finite()
        if finite:
            opt.update(model, grads, allow_unused, scale=scale)
            self.good_steps += 1
        self._unscaled = None
        if not finite:
            self.factor, self.good_steps = self.factor * self.backoff, 0
        elif self.good_steps % self.interval == 0:
            self.factor = min(self.factor * self.growth, self.largest)
        return finite

    def __repr__(self) -> str:
        return f"LossScaler(factor={self.factor}, good_steps={self.good_steps})"
