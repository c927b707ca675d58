"""Whether every registered op, public function, module and optimizer has an entry."""

from __future__ import annotations

from .info import ENTRIES

__all__ = ["uncovered"]

LINES = {
    "op": 'tests/conformance/database/<family>.py: add(OpInfo("{name}", lambda x: <float64 reference over R>, (S("matrix", normal(3, 4)),), family="..."))',
    "module": 'tests/conformance/database/modules.py: add(ModuleInfo("{name}", lambda: nn.{name}(...), (S("rows", normal(5, 3)),), lambda p, x: <reference>))',
    "optimizer": 'tests/conformance/database/optimizers.py: add(OptimizerInfo("{name}", lambda m: optim.{name}(m), <reference step>))',
}


def uncovered() -> list[str]:
    """The names without an entry, each with the line to add."""
    from . import database  # noqa: F401

    missing = []
    for kind, names in (("op", _ops()), ("module", _modules()), ("optimizer", _optimizers())):
        known = {n for (k, _), e in ENTRIES.items() if k == kind for n in (e.name, *e.covers)}
        if kind == "op":
            known |= {n for (k, _), e in ENTRIES.items() if k == "primitive" for n in (e.name, *e.covers)}
        missing += [f"{kind} {n}: {_way(kind, n)}" for n in sorted(names - known)]
    return missing


def _way(kind: str, name: str) -> str:
    from ..core.registry import OPS
    from .database.third_party import REASONS

    spec = OPS.get(name) if kind == "op" else None
    if spec is None or spec.package == "dfdx":
        return f"add it to {LINES[kind].format(name=name)}"
    why = REASONS.get(name)
    return f"{spec.package} registers it with infos={spec.infos!r}" + (
        f": {why}" if why else ", which has no entry for it"
    )


def _ops() -> set[str]:
    """Registered ops, the distinct public functions, and the makers of devices and losses."""
    from ..core.ops._define import FUNCTIONS
    from ..core.registry import OPS

    functions = {f.__name__ for n, f in FUNCTIONS.items() if not n.startswith("_")}
    aliases = {a for s in OPS.values() for a in s.aliases}
    from ..nn import losses

    return ({*OPS} | functions | {*losses.__all__}) - aliases - NOT_OPS


def _modules() -> set[str]:
    from .. import nn

    found = {n for n in nn.__all__ if isinstance(getattr(nn, n), type) and issubclass(getattr(nn, n), nn.Module)}
    distinct = {getattr(nn, n).__name__ for n in found}
    return distinct - {"Module", "Composite", "Pointwise"}


def _optimizers() -> set[str]:
    from .. import optim

    return {
        n
        for n in optim.__all__
        if isinstance(getattr(optim, n), type) and issubclass(getattr(optim, n), optim.Optimizer)
    } - {"Optimizer"}


NOT_OPS = frozenset({"backward", "concat_shape_along"})  # every gradient goes through the one; the other is of shapes
