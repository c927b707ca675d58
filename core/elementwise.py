"""Ops that are expressions: one line defines value and gradient on every device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .checks import dtype_error, same_dtype, same_shape
from .dispatch import apply
from .dtypes import DType, bool_
from .expr import Expr, arg, map_program, rewrite, vjp
from .registry import OpSpec
from .types import Signature, TensorType

if TYPE_CHECKING:
    from .device import Device
    from .entry import Entry
    from .tensor import Tensor

__all__ = ["TAKES", "Elementwise", "check_takes", "derive_gradient"]

# what an op takes: (test of a dtype, its name in errors, the way out)
TAKES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "float": (lambda d: d.is_float, "floats"),
    "number": (lambda d: d.is_float or d.is_int, "numbers"),
    "int": (lambda d: d.is_int, "integers"),
    "logical": (lambda d: d.is_int or d is bool_, "bools and integers"),
    "bool": (lambda d: d is bool_, "bools"),
    "any": (lambda d: True, "anything"),
}


def check_takes(op: str, takes: str, tensors: Sequence[Tensor]) -> None:
    """Raise `DTypeError` unless the op takes these dtypes."""
    test, text = TAKES[takes]
    for t in tensors:
        if not test(t.dtype):
            hint = "x.to_dtype(dfdx.f32) converts" if takes in ("float", "number") else f"{op} takes {text}"
            raise dtype_error(op, f"takes {text}, not {t.dtype.name}", {"x": t}, hint)


class Elementwise(OpSpec):
    """An op whose every output element is an expression of the elements at the same place.

    * `outputs`: expressions over arg(0..n_args-1) and scalar(0..n_scalars-1).
    * `takes`: which dtypes (a key of `TAKES`); `gives`: "same", "bool", or a dtype.
    * `dtypes`: positions whose dtype is free of that of the others, e.g. the bool condition of `where`.
    """

    kind = "elementwise"
    passes_scalars = True
    through = ("map",)

    def __init__(
        self, name: str, outputs: Expr | Sequence[Expr], n_args: int, *, n_scalars: int = 0, takes: str = "float",
        gives: Any = "same", first: Any = None, gradient: Any = "derived", family: str = "", aliases: tuple[str, ...] = (), doc: str = "",
    ) -> None:  # fmt: skip
        super().__init__(name, None, family=family, aliases=aliases, doc=doc)
        self.exprs = (outputs,) if isinstance(outputs, Expr) else tuple(outputs)
        self.n_args, self.n_scalars, self.takes, self.gives, self.first = n_args, n_scalars, takes, gives, first
        self.differentiable = gradient is not None and gives == "same"
        self.uniform = first is None
        self._gradient = gradient if callable(gradient) else None
        self._grads: dict[tuple[bool, ...], tuple[Elementwise, tuple[int, ...]]] = {}

    @property
    def saves(self) -> tuple[int | str, ...]:
        """What the gradient reads, derived when the op is first recorded: gradients have gradients without end."""
        if not self.differentiable:
            return ()
        _, sources = self.gradient(tuple(i >= (self.first is not None) for i in range(self.n_args)))
        return tuple("out" if s == self.n_args else s for s in sources if s <= self.n_args)

    @property
    def text(self) -> str:
        return ", ".join(map(repr, self.exprs))

    def infer(self, tensors: tuple[Tensor, ...], attrs: dict[str, Any]) -> Any:
        rest = tensors[1:] if self.first is not None else tensors
        if self.first is not None and tensors[0].dtype is not self.first:
            raise dtype_error(
                self.name, f"the condition is {self.first.name}, not {tensors[0].dtype.name}", {"cond": tensors[0]}
            )
        check_takes(self.name, self.takes, rest)
        for t in rest[1:]:
            same_dtype(self.name, rest[0], t)
        for t in tensors[1:]:
            same_shape(self.name, tensors[0], t)
        dtype: type[DType] = rest[0].dtype if self.gives == "same" else bool_ if self.gives == "bool" else self.gives
        out = TensorType(tensors[0].shape, dtype)
        return out if len(self.exprs) == 1 else (out,) * len(self.exprs)

    def bind(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        kernel = device.find(self.name, sig, {})
        if kernel is None:
            program = map_program(
                self.exprs, tuple(t.dtype for t in sig.inputs), tuple(t.dtype for t in sig.outputs), self.n_scalars
            )
            kernel = device.find("map", sig, {"program": program, "shape": sig.outputs[0].shape, "inplace": ()})
        if kernel is None:
            raise self.missing(device, sig)
        return kernel

    def gradient(self, needs: tuple[bool, ...]) -> tuple[Elementwise, tuple[int, ...]]:
        """The op that computes the needed gradients, and its inputs: positions, n_args for the output, n_args + 1 for g (on)."""
        found = self._grads.get(needs)
        if found is None:
            found = self._grads[needs] = derive_gradient(self, needs)
        return found

    def vjp(self, entry: Entry, grads: tuple[Tensor | None, ...], needs: tuple[bool, ...]) -> tuple[Tensor | None, ...]:
        spec, sources = self.gradient(needs)
        n = self.n_args
        like = next(g for g in grads if g is not None)
        inputs = []
        for s in sources:
            if s > n:
                g = grads[s - n - 1]
                inputs.append(g if g is not None else like.device.zeros(like.shape, like.dtype))
            else:
                inputs.append(entry.output() if s == n else entry.input(s))
        if len(inputs) == 1 and all(e is arg(0) for e in spec.exprs):
            return tuple([inputs[0] if need else None for need in needs])
        outs = apply(spec, tuple(inputs), (), entry.scalars)
        it = iter(outs if isinstance(outs, tuple) else (outs,))
        return tuple([next(it) if need else None for need in needs])


def derive_gradient(spec: Elementwise, needs: tuple[bool, ...]) -> tuple[Any, tuple[int, ...]]:
    """Build `<op>.backward` for the needed inputs: from the given form if there is one, else by differentiating."""
    n = spec.n_args
    gs = [arg(n + 1 + k) for k in range(len(spec.exprs))]
    wrt = [i for i, need in enumerate(needs) if need]
    if spec._gradient is not None:
        every = spec._gradient(gs[0], *[arg(i) for i in range(n)], arg(n))
        outs = [every[i] for i in wrt]
    else:
        outs = vjp(list(spec.exprs), gs, wrt)
        if len(spec.exprs) == 1 and spec.exprs[0].args and spec.exprs[0] is not arg(0):
            outs = [rewrite(o, {spec.exprs[0]: arg(n)}) for o in outs]
    sources = tuple(sorted({i for o in outs for i in o.arg_indices()} or {n + 1}))
    renumber = {arg(s): arg(k) for k, s in enumerate(sources)}
    compact = [rewrite(o, renumber) for o in outs]
    return _spec_like(spec, compact, sources), sources


def _spec_like(spec: Elementwise, outs: list[Expr], sources: tuple[int, ...]) -> Elementwise:
    has_first = spec.first is not None and 0 in sources
    return Elementwise(
        f"{spec.name}.backward", outs, len(sources), n_scalars=spec.n_scalars, takes="float",
        first=spec.first if has_first else None, family=spec.family,
    )  # fmt: skip
