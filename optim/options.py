"""Options of optimizers: checked when given, merged by path prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Decoupled", "Group", "L2", "Options"]


class L2(NamedTuple):
    """Weight decay as a penalty: the gradient becomes g + decay p."""

    decay: float


class Decoupled(NamedTuple):
    """Weight decay beside the gradient: the step becomes step + lr decay p. Source: arXiv 1711.05101."""

    decay: float


class Group:
    """The options of some parameters, and the programs made for them."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.programs: dict[Any, Any] = {}


class Options:
    """The options of an optimizer: those of all parameters, and those of parameters under a path."""

    def __init__(
        self, owner: str, base: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]], plain_decay: Any, paths: list[str]
    ) -> None:  # fmt: skip
        self.owner, self._plain_decay = owner, plain_decay
        self.base = {k: self._checked(k, v) for k, v in base.items()}
        self.groups = {p: self._changes(p, changes, paths) for p, changes in groups.items()}
        self._merged: dict[tuple[str, ...], Group] = {}

    def of(self, path: str) -> Group:
        """The group of a parameter."""
        prefixes = tuple(sorted((p for p in self.groups if _under(path, p)), key=len))
        found = self._merged.get(prefixes)
        if found is None:
            found = self._merged[prefixes] = Group(self._merge(prefixes))
        return found

    def set(self, name: str, value: Any) -> None:
        """Change an option of all parameters but those whose group has its own; compiled programs do not depend on `lr`."""
        self.base[name] = self._checked(name, value)
        for prefixes, group in self._merged.items():
            group.options = self._merge(prefixes)

    def _merge(self, prefixes: tuple[str, ...]) -> dict[str, Any]:
        merged = dict(self.base)
        for p in prefixes:
            merged.update(self.groups[p])
        return merged

    def _changes(self, prefix: str, changes: Mapping[str, Any], paths: list[str]) -> dict[str, Any]:
        if not any(_under(p, prefix) for p in paths):
            raise KeyError(f"[{self.owner}] no trainable parameter under {prefix!r}; there are {', '.join(paths)}")
        for name in changes:
            if name not in self.base:
                raise KeyError(
                    f"[{self.owner}] no option {name!r} in group {prefix!r}; there are {', '.join(self.base)}"
                )
        return {k: self._checked(k, v) for k, v in changes.items()}

    def _checked(self, name: str, value: Any) -> Any:
        """The value, in range; a plain number for the weight decay as the optimizer means it."""
        if name in ("lr", "eps", "lr_decay", "initial") and not callable(value) and not value >= 0:
            raise ValueError(f"[{self.owner}] {name} must not be negative, got {value}")
        if name == "betas" and not all(0.0 <= b < 1.0 for b in value):
            raise ValueError(f"[{self.owner}] betas lie in [0, 1), got {value}")
        if name == "alpha" and not 0.0 <= value < 1.0:
            raise ValueError(f"[{self.owner}] alpha lies in [0, 1), got {value}")
        if name == "weight_decay":
            if self._plain_decay is not None and isinstance(value, (int, float)):
                value = self._plain_decay(float(value))
            if value is not None and not isinstance(value, (L2, Decoupled)):
                raise TypeError(f"[{self.owner}] weight_decay is optim.L2(x) or optim.Decoupled(x), not {value!r}")
        return value


def _under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + ".")
