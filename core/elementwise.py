"""Ops that are expressions: one line defines value and gradient on every device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .checks import dtype_error, same_dtype, same_shape
from .dtypes import DType, bool_
from .expr import Expr, arg, map_program
from .expressed import Expressed, numbered
from .types import Signature, TensorType

if TYPE_CHECKING:
    from .device import Device
    from .entry import Entry
    from .tensor import Tensor

__all__ = ["TAKES", "Elementwise", "check_takes"]

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


class Elementwise(Expressed):
    """An op whose every output element is an expression of the elements at the same place.

    * `takes`: which dtypes (a key of `TAKES`); `gives`: "same", "bool", or a dtype.
    * `first`: the dtype of the first argument where it is another than that of the rest: the condition of `where`.
    """

    kind = "elementwise"
    through = ("map",)

    def __init__(
        self, name: str, outputs: Expr | Sequence[Expr], n_args: int, *, n_scalars: int = 0, takes: str = "float",
        gives: Any = "same", first: Any = None, gradient: Any = "derived", family: str = "", aliases: tuple[str, ...] = (), doc: str = "",
    ) -> None:  # fmt: skip
        given = gradient if gives == "same" else None
        super().__init__(name, outputs, n_args, n_scalars, given, family=family, aliases=aliases, doc=doc)
        self.takes, self.gives, self.first = takes, gives, first
        self.uniform = first is None

    @property
    def wanted(self) -> tuple[bool, ...]:
        """All but a condition."""
        return tuple([i > 0 or self.first is None for i in range(self.n_args)])

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

    def derive(self, wrt: list[int]) -> tuple[Elementwise, tuple[int, ...]]:
        """Make `<op>.backward` for these arguments."""
        every = self._gradient_of(wrt)
        outs = list(dict.fromkeys(every))
        sources = tuple(sorted({i for o in outs for i in o.arg_indices()} or {self.n_args + 1}))
        first = self.first if 0 in sources else None
        options: Any = {"n_scalars": self.n_scalars, "family": self.family, "first": first}
        spec = Elementwise(f"{self.name}.backward", numbered(outs, sources), len(sources), **options)
        spec.places = tuple([outs.index(e) for e in every]) if len(outs) < len(every) else ()
        return spec, sources

    def vjp(self, entry: Entry, grads: tuple[Tensor | None, ...], needs: tuple[bool, ...]) -> tuple[Tensor | None, ...]:
        spec, sources = self.gradient(needs)
        if sources == (self.n_args + 1,) and all(e is arg(0) for e in spec.exprs):  # add: g itself, without a launch
            return tuple([grads[0] if need else None for need in needs])
        return super().vjp(entry, grads, needs)
