"""What a module is: a plain class whose attributes are parameters and sub-modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from ..core.inplace import write
from ..core.public import Device, Gradients, Tensor, f32
from .calling import admit, run
from .copying import Copying
from .dims import Known
from .param import Named, Param, changes

__all__ = ["Composite", "Module"]


class Module(Copying):
    """Base of all modules: a specification until `dev.build_module(spec)` returns a built copy with tensors.

    Subclasses assign `Param`s and sub-modules in `__init__` (tuples become sequential modules) and write `forward`.
    A traced input trains, an untraced one infers.

    >>> import dfdx
    >>> from dfdx import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self, n):
    ...         self.weight = nn.Param((n,), nn.init.ones)
    ...     def forward(self, x):
    ...         return x * self.weight.broadcast_like(x)
    >>> dev = dfdx.device("cpu")
    >>> dev.build_module(Scale(3))(dev.ones((2, 3))).shape
    (2, 3)
    """

    _device: Device | None = None
    _dtype: Any = f32
    _path: str = ""
    _inferring = False
    _params: dict[str, Param]

    def __class_getitem__(cls, _: Any) -> type[Self]:
        return cls  # Module[Features[L[10]], Features[L[32]]] is for type checkers

    # ----- structure

    def children(self) -> Iterator[tuple[str, Module]]:
        """(name, sub-module) in the order of assignment."""
        for name, value in self.__dict__.items():
            if isinstance(value, Module) and not name.startswith("_"):
                yield name, value

    def named_tensors(self, prefix: str = "") -> Iterator[Named]:
        """Every tensor of a built module under its dotted path, buffers included."""
        self._require_built("named_tensors")
        for name, param in self._params.items():
            yield Named(prefix + name, self.__dict__[name], param, param.trainable)
        for name, child in self.children():
            yield from child.named_tensors(f"{prefix}{name}.")

    def trainable_tensors(self) -> list[Tensor]:
        """The tensors that optimizers train."""
        known = self.__dict__.get("_trainable")
        if known is None or known[0] != changes[0]:
            known = (changes[0], [n.tensor for n in self.named_tensors() if n.trainable])
            self.__dict__["_trainable"] = known
        return list(known[1])

    def num_trainable_params(self) -> int:
        """Number of trainable elements."""
        return sum(t.numel for t in self.trainable_tensors())

    def propagate(self, known: Any) -> Any:
        """What is known of the output's shape, given what is known of the input's; raises `ShapeError` on a mismatch.

        Both are a `Known`, or a tuple of them. Of a module that does not say, nothing is known but what its parts check.
        """
        for _, child in self.children():
            child.propagate(Known())
        return Known()

    def settings(self) -> str:
        """The constructor's arguments, for reprs."""
        return ""

    def _require_built(self, what: str) -> None:
        if self._device is None:
            raise TypeError(
                f"[{what}] {type(self).__name__} is a specification; dev.build_module(spec) gives a module with tensors"
            )

    def __setattr__(self, name: str, value: Any) -> None:
        if self._device is not None and name in self._params:
            raise AttributeError(
                f"{type(self).__name__}.{name} is a built parameter: model.load, copy_from, reset_params and optimizers write it in place"
            )
        if isinstance(value, (tuple, list)) and value and all(isinstance(v, (Module, tuple)) for v in value):
            from .sequential import Sequential

            value = Sequential(*value)
        if self._device is not None and isinstance(value, Module):
            changes[0] += 1
        object.__setattr__(self, name, value)

    def __reduce__(self) -> Any:
        raise TypeError(
            f"{type(self).__name__} is not pickled: model.save(path) writes npz or safetensors, model.load(path) reads them"
        )

    # ----- running

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Inference; subclasses write it."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def forward_mut(self, *inputs: Any, **named: Any) -> Any:
        """Training; the same as `forward` unless a module says otherwise."""
        return self.forward(*inputs, **named)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Trains if an input owns a tape, infers otherwise; the other inputs then enter with an empty tape."""
        if self._device is None:
            self._require_built("call")
        if len(inputs) == 1 and not named and type(inputs[0]) is Tensor:
            traced = inputs[0]._tape is not None
        else:
            traced, inputs, named = admit(self, inputs, named)
        return run(self, traced, *inputs, **named)

    # ----- gradients and values

    def alloc_grads(self, into: Gradients | None = None) -> Gradients:
        """Gradients whose leaves are this module's trainable parameters; with `into`, they are added to existing ones."""
        self._require_built("alloc_grads")
        return into.retain(self) if into is not None else Gradients(self.trainable_tensors())

    def zero_grads(self, grads: Gradients) -> None:
        """Forget what this module's parameters received."""
        grads.zero(self.trainable_tensors())

    def reset_params(self) -> None:
        """New initial values, in place."""
        for n in self.named_tensors():
            write(n.tensor, n.param.init(n.tensor.device, n.tensor.shape, n.tensor.dtype), "reset_params")

    # ----- files and text

    def save(self, path: Any) -> None:
        """Write all tensors to an `.npz` or `.safetensors` file; readers see the old file or the new one."""
        from .checkpoint import save

        save({n.path: n.tensor for n in self.named_tensors()}, path)

    def load(self, path: Any) -> None:
        """Read tensors from a file; anything missing, extra, mis-shaped or mis-typed raises one `CheckpointError`, and nothing changes."""
        from .checkpoint import load_into

        load_into({n.path: n.tensor for n in self.named_tensors()}, path)

    def export_onnx(self, path: Any, input: Any) -> None:
        """Write the forward pass as an ONNX model, for an input shape such as `(None, 64)`; needs the extra `onnx`."""
        from .onnx.export import export_onnx

        export_onnx(self, path, input)

    def draw(self, path: Any, input: Any) -> None:
        """Draw the modules with the shapes between them, for an input shape such as `(None, 64)`: `.gv` text, or svg, png, pdf by Graphviz."""
        from .draw import draw

        draw(self, path, input)

    def summary(self, input: Any = None) -> str:
        """A table of sub-modules, output shapes (given an input shape such as `(None, 64)`) and parameters."""
        from .summary import summary

        return summary(self, input)

    def __repr__(self) -> str:
        from .summary import tree

        return tree(self)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"


class Composite(Module):
    """A module that runs others: `flow(call, *inputs)` serves inference and training alike.

    `call(module, *inputs)` runs a sub-module as this one is run. A value used twice goes through `again`.
    """

    def flow(self, call: Any, *inputs: Any, **named: Any) -> Any:
        """The outputs; subclasses write it."""
        raise NotImplementedError(f"{type(self).__name__} has no flow")

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Inference."""
        return self.flow(_infer, *inputs, **named)

    def forward_mut(self, *inputs: Any, **named: Any) -> Any:
        """Training."""
        return self.flow(_train, *inputs, **named)


def _infer(module: Module, *inputs: Any, **named: Any) -> Any:
    return run(module, False, *inputs, **named)


def _train(module: Module, *inputs: Any, **named: Any) -> Any:
    return run(module, True, *inputs, **named)
