"""Elementwise launches that follow a product run over each block of its result while that lies in the caches."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from .compiler import compile_ir
from .kernel import TASKS
from .storage import Run, View, alike

__all__ = ["with_epilogues"]

MOST = 4  # arrays of such a launch: rows of more, as in Adam's seven, push what the product reads out of the caches (a step takes 9 % longer)


def with_epilogues(runs: Sequence[Run]) -> list[Run]:
    """The runs, where such a launch is now part of the product before it: nothing in between makes what it reads."""
    out = list(runs)
    for run in runs:
        if run.native.code.post is not None:
            i = next(i for i, r in enumerate(out) if r is run)
            j = _follower(out, i)
            if j is not None:
                out[i] = _joined(run, out.pop(j))
    return out


def _follower(runs: list[Run], i: int) -> int | None:
    """The first run that reads the result of run i, if it may come at once."""
    result = runs[i].views[-1]
    read, written = runs[i].loads(), runs[i].stores()
    for j in range(i + 1, len(runs)):
        if id(result.storage) in runs[j].loads():
            return j if _may_follow(result, runs[j], read, written) else None
        read |= runs[j].loads()
        written |= runs[j].stores()
    return None


def _may_follow(result: View, run: Run, read: set[int], written: set[int]) -> bool:
    """`read`, `written`: by the runs that it would come before, and by the product."""
    inputs = run.views[: len(run.native.inputs)]
    others = [v.storage for v in inputs if v.storage is not result.storage]
    return (
        run.native.code.each
        and len(run.views) <= MOST
        and run.native.config[TASKS] == prod(result.type.shape)
        and all(alike(v, result) for v in inputs if v.storage is result.storage)
        and not any(id(s) in written for s in others)
        and not run.stores() & (read | written)
    )


def _joined(product: Run, run: Run) -> Run:
    config, code = product.native.config.copy(), product.native.code
    assert code.post is not None
    at = product.native.own + code.post
    config[at] = compile_ir(run.native.code.text, "body")
    config[at + 1] = 8 * (len(product.views) + len(product.numbers) + 2)  # after the product's own context
    return product._replace(native=product.native._replace(config=config), post=run)
