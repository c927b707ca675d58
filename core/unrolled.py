"""The backward pass over a tape of known structure as one function: its checks, its kernels, and what the leaves receive.

A training loop records the same ops in the same order at every step. Once a structure (the plans of the entries, in order) has come
back, its pass is written out: the entries are unpacked at once, what the structure promises is compared (who made which input,
which inputs are leaves, that no saved value was overwritten), and the pullbacks follow one another without asking again. Where
a promise does not hold the function returns False, nothing having run, and the pass goes entry by entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .pullback import Names, adder, mask_of, needed_inputs
from .straight import Frame, compiled, dropping

if TYPE_CHECKING:
    from .gradients import Gradients
    from .tape import Record
    from .tensor import Tensor

__all__ = ["MOST", "unrolled"]

MOST = 256  # entries of a tape that is worth writing out
_MOST_VIEWS = 6  # entries whose result is an older handle, which are compared with each other


def unrolled(
    loss: Tensor, entries: list[Record], grads: Gradients, needed: set[int]
) -> Callable[[Tensor, list[Record], Gradients], bool] | None:
    """The function for tapes like this one, or None where an entry has no text."""
    try:
        return _Pass(loss, entries, grads, needed).compile()
    except _NoText:
        return None


class _NoText(Exception):
    """An entry whose pullback is not text."""


class _Pass:
    def __init__(self, loss: Tensor, entries: list[Record], grads: Gradients, needed: set[int]) -> None:
        self.loss, self.entries, self.needed = loss, entries, needed
        assert grads._leaves is not None
        self.leaves = grads._leaves
        self.frame = Frame()
        self.frame.env["leaves"] = self.leaves
        self.made: dict[int, str] = {}  # id of a result -> its name in the text
        self.views: dict[str, int] = {}
        self.tests: list[str] = []

    def compile(self) -> Callable[[Tensor, list[Record], Gradients], bool]:
        unpack = "".join(f"{self._entry(j, e)}, " for j, e in enumerate(self.entries))
        if len(self.views) > _MOST_VIEWS or self.loss.id not in self.made:
            raise _NoText
        self.tests.append(f"loss.id == {self.made[self.loss.id]}")
        pending = self._flow()
        lines = ["try:", f"    {unpack} = entries", "except (TypeError, ValueError):", "    return False"]
        lines += [f"if not ({' and '.join(self.tests)}):", "    return False"]
        lines += [
            "loss._tape, loss._taker = None, 'backward'",
            *dropping([(line, re.findall(r"\b[adv]\d+_\d+\b", line)) for line in self.frame.lines], pending.values()),
        ]
        lines += [*self._store(pending), "return True"]
        text = "def run(loss, entries, grads):\n" + "".join(f"    {line}\n" for line in lines)
        return compiled(text, self.frame.env, "backward pass")

    # ----- what the structure promises

    def _entry(self, j: int, record: Record) -> str:
        """The pattern that unpacks an entry, and the tests of its fields."""
        serial, _, ids, out_ids, saved, scalars = record
        for a, id in enumerate(ids):
            self._input(f"i{j}_{a}", id)
        self.tests += [f"c{j}_{k}.version <= s{j}" for k in range(len(saved))]
        if out_ids is None:
            self.tests.append(f"o{j} is None")
            self.made[serial], out = f"s{j}", f"o{j}"
        elif len(out_ids) == 1:
            self._view(f"o{j}_0", out_ids[0])
            out = f"(o{j}_0,)"
        else:
            raise _NoText
        fields = [_tuple(f"i{j}_", ids), out, _tuple(f"c{j}_", saved), _tuple(f"n{j}_", scalars)]
        return f"(s{j}, _, {', '.join(fields)})"

    def _input(self, name: str, id: int) -> None:
        if id in self.made:
            self.tests.append(f"{name} == {self.made[id]}")
        elif id in self.leaves:
            self.tests.append(f"{name} == {id}")
        else:  # a constant, whichever
            self.tests += [f"not {name} & 1", f"{name} not in leaves", *[f"{name} != {v}" for v in self.views]]

    def _view(self, name: str, id: int) -> None:
        """An older handle that is a result: like all those with its id, unlike the others."""
        if id in self.leaves:
            raise _NoText
        self.tests += [f"{name} {'==' if id == other else '!='} {v}" for v, other in self.views.items()]
        self.tests.append(f"{name} not in leaves")
        self.views[name] = id
        self.made.setdefault(id, name)

    # ----- kernels

    def _flow(self) -> dict[int, str]:
        """Lines for all entries in reverse; the names of what is left, by id."""
        frame = self.frame
        pending = {self.loss.id: frame.constant(self.loss.device.one(self.loss.dtype)._cell.array)}
        shared = {self.loss.id}
        for j in reversed(range(len(self.entries))):
            serial, plan, ids, out_ids, saved, scalars = self.entries[j]
            g = pending.pop(serial if out_ids is None else out_ids[0], None)
            mask = mask_of(ids, self.needed)
            if g is None or not any(needed_inputs(plan, mask)):
                continue
            flow = getattr(plan.pullbacks.get(mask), "flow", None)
            if flow is None:
                raise _NoText
            names = Names(
                [g], [f"c{j}_{k}.array" for k in range(len(saved))], [f"n{j}_{k}" for k in range(len(scalars))]
            )
            for i, part in flow.write(frame, str(j), names).items():
                id = ids[i]
                if id not in pending:
                    pending[id] = part
                    shared |= set() if i in flow.fresh else {id}
                    continue
                add, add_into = adder(plan.device, plan.inputs[i])
                kernel, into = (add, f"a{j}_{i}") if id in shared else (add_into, pending[id])
                frame.lines.append(f"{into} = {frame.constant(kernel.kernel)}({pending[id]}, {part})")
                pending[id] = into
                shared.discard(id)
        self.shared = shared
        return pending

    def _store(self, pending: dict[int, str]) -> list[str]:
        """Lines that keep what reached the leaves."""
        kept = {id: name for id, name in pending.items() if id in self.leaves}
        own = [id for id in kept if id not in self.shared]
        lines = [f"grads.keep_leaf({id}, {name}, False)" for id, name in kept.items() if id in self.shared]
        if own:
            owned = self.frame.constant(frozenset(own))
            lines += ["arrays = grads._arrays", "if arrays or grads._store:"]
            lines += [f"    grads.keep_leaf({id}, {kept[id]}, True)" for id in own]
            lines += ["else:", *[f"    arrays[{id}] = {kept[id]}" for id in own], f"    grads._owned.update({owned})"]
        return lines


def _tuple(prefix: str, values: Any) -> str:
    return f"({''.join(f'{prefix}{k}, ' for k in range(len(values)))})"
