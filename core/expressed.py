"""What elementwise and row ops share: they are expressions, and so are their gradients, without end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .dispatch import apply
from .expr import Expr, arg, rewrite, vjp
from .registry import OpSpec

if TYPE_CHECKING:
    from .entry import Entry
    from .tensor import Tensor

__all__ = ["Expressed"]


class Expressed(OpSpec):
    """An op given by expressions over arg(0..n_args-1) and scalar(0..n_scalars-1).

    * `gradient`: "derived" from the expressions, None, or a better form: a function of (g, *arguments, own value) that gives
      an expression per argument.

    In a gradient's expressions the arguments keep their numbers, the op's own value is n_args, and g is n_args + 1 (and on).
    """

    passes_scalars = True

    def __init__(
        self, name: str, outputs: Expr | Sequence[Expr], n_args: int, n_scalars: int, gradient: Any, **kwargs: Any
    ) -> None:
        super().__init__(name, None, **kwargs)
        self.exprs = (outputs,) if isinstance(outputs, Expr) else tuple(outputs)
        self.n_args, self.n_scalars = n_args, n_scalars
        self.differentiable = gradient is not None
        self._gradient = gradient if callable(gradient) else None
        self._gradients: dict[tuple[bool, ...], tuple[Any, tuple[int, ...]]] = {}
        self.places: tuple[int, ...] = ()  # of a gradient: the output for each argument, where two share one

    @property
    def text(self) -> str:
        return ", ".join(map(repr, self.exprs))

    @property
    def wanted(self) -> tuple[bool, ...]:
        """Which arguments can have a gradient."""
        return (True,) * self.n_args

    @property
    def saves(self) -> tuple[int | str, ...]:
        """What the gradient reads, found when the op is first recorded."""
        sources = self.gradient(self.wanted)[1] if self.differentiable else ()
        return tuple("out" if s == self.n_args else s for s in sources if s <= self.n_args)

    def gradient(self, needs: tuple[bool, ...]) -> tuple[Any, tuple[int, ...]]:
        """The op that computes the needed gradients, and the numbers of its arguments."""
        found = self._gradients.get(needs)
        if found is None:
            found = self._gradients[needs] = self.derive([i for i, need in enumerate(needs) if need])
        return found

    def derive(self, wrt: list[int]) -> tuple[Any, tuple[int, ...]]:
        """Make `<op>.backward` for these arguments."""
        raise NotImplementedError

    def _gradient_of(self, wrt: list[int], *kinds: tuple[str, ...]) -> list[Expr]:
        """The gradients' expressions: in the form given, or by differentiating, with the op's own value recognised."""
        n, gs = self.n_args, [arg(self.n_args + 1 + k) for k in range(len(self.exprs))]
        if self._gradient is not None:
            every = self._gradient(gs[0], *[arg(i) for i in range(n)], arg(n))
            return [every[i] for i in wrt]
        outs = vjp(self.exprs, gs, wrt, *kinds)
        known = {self.exprs[0]: arg(n)} if len(self.exprs) == 1 and self.exprs[0].args else {}
        return [rewrite(o, known) for o in outs]

    def vjp(self, entry: Entry, grads: tuple[Tensor | None, ...], needs: tuple[bool, ...]) -> tuple[Tensor | None, ...]:
        spec, sources = self.gradient(needs)
        n, device = self.n_args, next(g for g in grads if g is not None).device
        inputs: list[Any] = []
        for s in sources:
            if s <= n:
                inputs.append(entry.output() if s == n else entry.input(s))
            else:
                g, like = grads[s - n - 1], entry.outputs[s - n - 1]
                inputs.append(device.zeros(like.shape, like.dtype) if g is None else g)
        outs = apply(spec, tuple(inputs), tuple(entry.attrs.values()), entry.scalars)
        outs = outs if isinstance(outs, tuple) else (outs,)
        parts = iter([outs[k] for k in spec.places] if spec.places else outs)
        return tuple([self.shaped(i, next(parts), entry) if need else None for i, need in enumerate(needs)])

    def shaped(self, i: int, g: Any, entry: Entry) -> Any:
        """What the gradient's kernel gives for argument i, in the shape of that argument."""
        return g


def numbered(outs: Sequence[Expr], sources: tuple[int, ...]) -> list[Expr]:
    """Expressions whose arguments `sources` are numbered from 0."""
    mapping = {arg(s): arg(k) for k, s in enumerate(sources)}
    return [rewrite(o, mapping) for o in outs]
