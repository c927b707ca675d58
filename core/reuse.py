"""A recording in which nothing is computed twice: a launch that was there before, on the same values, gives its results again.

A gradient that makes anew what the forward pass had made (attention's weights, say) saves memory in a tape; in a step that is
known as a whole it is the same launch, and small results are kept instead.
"""

from __future__ import annotations

from typing import Any

from .fuse import memory_roots, overwritten
from .recorder import Number, Step

__all__ = ["reuse"]

_LARGEST_KEPT = 1 << 22  # elements


def reuse(steps: list[Step], held: set[int]) -> list[Step]:
    """The steps without those that repeat a former one; whoever read their results reads the former ones."""
    roots = memory_roots(steps)
    own = {roots.get(v, v) for s in steps for v in overwritten(s)} | {roots.get(v, v) for v in held}
    same: dict[int, int] = {}  # value -> the one that it repeats
    found: dict[Any, Step] = {}
    out = []
    for s in steps:
        s = s._replace(inputs=tuple([same.get(v, v) for v in s.inputs]))
        if any(roots.get(v, v) in own for v in (*s.inputs, *s.outputs)) or overwritten(s):
            out.append(s)  # of memory that changes, or that someone gets
            continue
        former = found.setdefault(_key(s), s)
        if former is not s and all(t.numel <= _LARGEST_KEPT for t in s.plan.outputs):
            same.update(zip(s.outputs, former.outputs))
        else:
            out.append(s)
    return out


def _key(step: Step) -> Any:
    numbers = [("slot", n.source, n.index) if isinstance(n, Number) else (type(n), repr(n)) for n in step.scalars]
    return id(step.plan.kernel), step.inputs, tuple(numbers)
