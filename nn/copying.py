"""What of a built module is copied, shared, frozen, or written over."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from ..core.inplace import axpy, write
from ..core.public import Device, ShapeError, device
from .param import Named, Param, changes

if TYPE_CHECKING:
    from .module import Module

__all__ = ["Copying"]


class Copying:
    """The part of `Module` that makes copies and takes values from others."""

    _device: Device | None
    _params: dict[str, Param]

    if TYPE_CHECKING:

        def named_tensors(self, prefix: str = "") -> Iterator[Named]: ...
        def children(self) -> Iterator[tuple[str, Module]]: ...
        def _require_built(self, what: str) -> None: ...

    def freeze(self, *paths: str) -> Self:
        """Exclude the parameters under these dotted paths (all without one) from gradients and updates; returns itself."""
        known = [n.path for n in self.named_tensors()]
        for p in paths:
            if not any(_under(k, p) for k in known):
                raise KeyError(f"[freeze] no parameter under {p!r}; there are {', '.join(known)}")
        self._freeze("", paths)
        return self

    def _freeze(self, prefix: str, paths: tuple[str, ...]) -> None:
        changes[0] += 1
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


def _under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + ".")


def _paired(op: str, a: Copying, b: Copying) -> list[tuple[Named, Named]]:
    left, right = list(a.named_tensors()), list(b.named_tensors())
    bad = [
        f"{m.path} {m.tensor.type_text}"
        for m in left
        if not any(m.path == t.path and m.tensor._type is t.tensor._type for t in right)
    ]
    if bad or len(left) != len(right):
        raise ShapeError(f"[{op}] the modules differ at: {', '.join(bad) or 'extra tensors in the other'}")
    return list(zip(left, right, strict=True))
