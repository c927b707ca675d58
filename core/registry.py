"""The table of all ops: what an op is, whoever computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from .errors import MissingKernelError, PluginError
from .types import Signature, TensorType

if TYPE_CHECKING:
    from .device import Device
    from .entry import Entry
    from .tensor import Tensor

__all__ = ["OPS", "PRIMITIVES", "Composite", "OpSpec", "Primitive", "known_ops", "register"]

PRIMITIVES = (
    "empty", "fill", "copy_in", "copy_out", "copy", "contiguous", "cast", "permute", "broadcast", "reshape", "slice", "map",
    "reduce", "matmul", "gather", "scatter_add", "concat", "random_bits", "synchronize",
)  # fmt: skip

# Kernels a backend may add beyond the primitives; composites of core serve where they are missing.
OPTIONAL = ("row", "row_over")

OPS: dict[str, OpSpec] = {}
_specs: WeakSet[OpSpec] = WeakSet()


def forget_plans() -> None:
    """Empty the short path of every op, so that each next call looks its plan up anew."""
    for spec in _specs:
        spec.plans.clear()


class OpSpec:
    """One op: name, shape and dtype rule, gradient, and how a device runs it. It never names a device.

    * `attrs`: names of the static attributes, in the order in which `apply` receives their values.
    * `infer(tensors, **attrs)`: the output's `TensorType` (or a tuple of them); raises on operands that do not fit.
    * `vjp(entry, grads, needs)`: one gradient (or None) per input, written in ops.
    * `saves`: what the gradient needs: input positions, and "out".
    * `opaque`: the `vjp` is not made of ops, so a recorded backward pass (`retrace=True`) refuses the op.
    """

    differentiable = True
    passes_scalars = False  # whether its VJP hands the call's scalars to kernels as they are
    uniform = False  # whether all operands must have one type
    is_view = False
    package = "dfdx"  # the distribution that brings it
    infos = ""  # of a third-party op: where the conformance kit finds its samples
    body: Any = None  # of a composite
    host = ""  # what a composite body does on the host, if it leaves the device

    @property
    def text(self) -> str:
        """The expression of an elementwise or rowwise op."""
        return ""

    through: tuple[str, ...] = ()  # primitives that can run it where it has no kernel of its own

    def __init__(
        self,
        name: str,
        infer: Any = None,
        *,
        attrs: tuple[str, ...] = (),
        vjp: Callable[..., Any] | None = None,
        saves: tuple[int | str, ...] = (),
        family: str = "",
        aliases: tuple[str, ...] = (),
        doc: str = "",
        opaque: bool = False,
    ) -> None:
        self.name, self.attrs, self._saves, self.opaque = name, attrs, saves, opaque
        self.family, self.aliases, self.doc = family, aliases, doc
        self._infer, self._vjp = infer, vjp
        self.plans: dict[Any, Any] = {}  # of the short path: the plan last used with these types
        _specs.add(self)
        self.differentiable = vjp is not None

    @property
    def saves(self) -> tuple[int | str, ...]:
        """What the gradient reads."""
        return self._saves

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    kind = "op"

    def infer(self, tensors: tuple[Tensor, ...], attrs: dict[str, Any]) -> Any:
        return self._infer(*tensors, **attrs)

    def vjp(self, entry: Entry, grads: tuple[Tensor | None, ...], needs: tuple[bool, ...]) -> tuple[Tensor | None, ...]:
        assert self._vjp is not None
        return self._vjp(entry, grads[0] if len(grads) == 1 else grads, needs)

    def bind(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        """The kernel for this call on this device, or None where the composite body serves."""
        kernel = device.find(self.name, sig, attrs)
        if kernel is None:
            raise self.missing(device, sig)
        return kernel

    def missing(self, device: Device, sig: Signature) -> MissingKernelError:
        types = ", ".join(map(str, sig.inputs))
        return MissingKernelError(
            f"[{self.name}] no kernel on {device.name} for {types}, and no composite body; "
            f"`python -m dfdx explain {self.name} --device {device.name}` shows what there is"
        )

    def on_empty(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        """How to make a non-empty output from an empty input without a kernel; None if the op has no meaning there."""
        return None


class Primitive(OpSpec):
    """An op that every backend supplies."""

    kind = "primitive"


class Composite(OpSpec):
    """An op whose body is written in other ops; a device's own kernel of that name goes first.

    A kernel replaces the body under a tape only if the op has its own `vjp`; else the body is recorded part by part.
    """

    kind = "composite"

    def __init__(self, name: str, infer: Callable[..., Any] | None, body: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(name, infer or _no_rule, **kwargs)
        self.body, self.has_rule = body, infer is not None
        self.differentiable = True

    @property
    def has_vjp(self) -> bool:
        return self._vjp is not None

    def bind(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        return device.find(self.name, sig, attrs)


def _no_rule(*_: Any, **__: Any) -> TensorType:
    raise AssertionError("a composite without a shape rule is never planned")


_Spec = TypeVar("_Spec", bound=OpSpec)


def register(spec: _Spec) -> _Spec:
    """Add an op to the table; a second op of the same name is a `PluginError`."""
    if spec.name in OPS:
        raise PluginError(f"op {spec.name!r} is registered already")
    OPS[spec.name] = spec
    return spec


def known_ops() -> set[str]:
    """Every name under which a backend may register a kernel."""
    names = {*OPS, *PRIMITIVES, *OPTIONAL}
    return names | {f"{name}.backward" for name in OPS}
