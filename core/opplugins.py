"""Ops from other distributions: staged while their plugin registers, then committed whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import PluginError
from .registry import OPS, OpSpec, register

__all__ = ["OpRegistry"]


class OpRegistry:
    """What a plugin's `register_ops` receives."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._staged: list[tuple[OpSpec, Callable[..., Any] | None]] = []

    def op(self, spec: OpSpec, function: Callable[..., Any] | None = None) -> None:
        """Register an op; `function`, if given, becomes `dfdx.<name>` and a method of `Tensor`."""
        if not isinstance(spec, OpSpec):
            raise PluginError(f"op() takes an OpSpec, not {type(spec).__name__}")
        if spec.name in OPS or any(s.name == spec.name for s, _ in self._staged):
            raise PluginError(f"op {spec.name!r} is registered already")
        self._staged.append((spec, function))

    def commit(self) -> None:
        from .ops._define import public

        for spec, function in self._staged:
            register(spec)
            if function is not None:
                public()(function)
