"""Dropout."""

from __future__ import annotations

from ..core.public import TapeError, Tensor, dropout
from .activations import Pointwise

__all__ = ["Dropout", "DropoutOneIn"]


class Dropout(Pointwise):
    """Under a tape each element is 0 with probability p, else x / (1 - p); without one it is the identity.

    Source: arXiv 1207.0580.
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"[Dropout] p is a probability in [0, 1], not {p}")
        self.p = p

    def settings(self) -> str:
        return f"{self.p}"

    def forward(self, x: Tensor) -> Tensor:
        """Inference: x itself. A traced input is a `TapeError`, unless the module is `frozen()`."""
        if x._tape is not None and not self._inferring:
            raise TapeError(
                "[Dropout] forward infers, but the input is traced\n  hint: call the model, or forward_mut; model.frozen() infers under a tape"
            )
        return x

    def forward_mut(self, x: Tensor) -> Tensor:
        """Training: drops. An untraced input is a `TapeError`."""
        if x._tape is None:
            raise TapeError(
                "[Dropout] forward_mut trains, but the input owns no tape\n  hint: trace the model's input, or call forward"
            )
        return dropout(x, self.p)


class DropoutOneIn(Dropout):
    """Dropout with probability 1 / n."""

    def __init__(self, n: int) -> None:
        super().__init__(1.0 / n)
        self.n = n

    def settings(self) -> str:
        return f"{self.n}"
