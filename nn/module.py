"""What a module is: a plain class whose attributes are parameters and sub-modules."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from ..core.checks import check_shape
from ..core.inplace import axpy, write
from ..core.public import Device, Gradients, ShapeError, Tensor, device, f32
from .calling import admit, run
from .dims import Known
from .init import Init, zeros

__all__ = ["Composite", "Module", "Named", "Param"]


class Param:
    """A parameter to be: shape, initial values (see `nn.init`), and whether optimizers train it."""

    def __init__(self, shape: tuple[int, ...], init: Init = zeros, trainable: bool = True) -> None:
        self.shape, self.init, self.trainable = check_shape("Param", shape), init, trainable

    def __repr__(self) -> str:
        return f"Param({self.shape})"


class Named(NamedTuple):
    """A tensor of a built module under its dotted path."""

    path: str
    tensor: Tensor
    param: Param
    trainable: bool


_changes = [0]  # counts changes of structure anywhere: what modules remember of theirs is then looked up anew


class Module:
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
        if known is None or known[0] != _changes[0]:
            known = (_changes[0], [n.tensor for n in self.named_tensors() if n.trainable])
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
            _changes[0] += 1
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

    def freeze(self, *paths: str) -> Self:
        """Exclude the parameters under these dotted paths (all without one) from gradients and updates; returns itself."""
        known = [n.path for n in self.named_tensors()]
        for p in paths:
            if not any(_under(k, p) for k in known):
                raise KeyError(f"[freeze] no parameter under {p!r}; there are {', '.join(known)}")
        self._freeze("", paths)
        return self

    def _freeze(self, prefix: str, paths: tuple[str, ...]) -> None:
        _changes[0] += 1
        for name, param in self._params.items():
            if not paths or any(_under(prefix + name, p) for p in paths):
                self._params[name] = Param(param.shape, param.init, False)
        for name, child in self.children():
            child._freeze(f"{prefix}{name}.", paths)

    def frozen(self) -> Self:
        """A module that shares these tensors but always infers, and whose parameters are constants; gradients reach the input."""
        self._require_built("frozen")
        return self._copied(lambda t: t.detach(), inferring=True)

    def clone(self) -> Self:
        """A copy with its own tensors, ids and the same settings."""
        return self._copied(lambda t: t.clone())

    def __deepcopy__(self, memo: Any) -> Self:
        if self._device is not None:
            return self.clone()
        new = copy.copy(self)
        object.__setattr__(new, "__dict__", {k: copy.deepcopy(v, memo) for k, v in self.__dict__.items()})
        return new

    def __copy__(self) -> Self:
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def to_device(self, target: Device | str) -> Self:
        """A copy on another device, all settings kept."""
        dev = target if isinstance(target, Device) else device(target)
        return self._copied(lambda t: t.to_device(dev), dev=dev)

    def to_dtype(self, dtype: Any) -> Self:
        """A copy in another float dtype, all settings kept; integer tensors stay."""
        from ..core.dtypes import as_dtype

        new = as_dtype(dtype)
        return self._copied(
            lambda t: t.to_dtype(new) if t.dtype.is_float and t.dtype is not new else t.clone(), dtype=new
        )

    def _copied(self, change: Any, dev: Device | None = None, dtype: Any = None, inferring: bool | None = None) -> Self:
        new = copy.copy(self)
        fields = new.__dict__
        fields["_params"] = dict(self._params)
        for remembered in ("_trainable", "_steps"):
            fields.pop(remembered, None)
        if dev is not None:
            fields["_device"] = dev
        if dtype is not None:
            fields["_dtype"] = dtype
        if inferring is not None:
            fields["_inferring"] = inferring
        for name, param in self._params.items():
            fields[name] = change(self.__dict__[name])
            if inferring:
                fields["_params"][name] = Param(param.shape, param.init, False)
        for name, child in self.children():
            fields[name] = child._copied(change, dev, dtype, inferring)
        return new

    def ema(self, other: Module, decay: float) -> None:
        """In place: every trainable tensor becomes decay * itself + (1 - decay) * that of `other`."""
        for mine, theirs in _paired("ema", self, other):
            if mine.trainable:
                axpy(mine.tensor, decay, theirs.tensor, 1.0 - decay)

    def copy_from(self, other: Module) -> None:
        """In place: every tensor takes the value of the same path in `other`."""
        for mine, theirs in _paired("copy_from", self, other):
            write(mine.tensor, theirs.tensor, "copy_from")

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


def _under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + ".")


def _paired(op: str, a: Module, b: Module) -> list[tuple[Named, Named]]:
    left, right = list(a.named_tensors()), list(b.named_tensors())
    bad = [
        f"{m.path} {m.tensor.type_text}"
        for m in left
        if not any(m.path == t.path and m.tensor._type is t.tensor._type for t in right)
    ]
    if bad or len(left) != len(right):
        raise ShapeError(f"[{op}] the modules differ at: {', '.join(bad) or 'extra tensors in the other'}")
    return list(zip(left, right, strict=True))


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
