"""Checks of one op on one sample in one dtype."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core.dtypes import DType
from ..accuracy import Verdict, same_bits, to_host
from ..info import OpInfo
from ..samples import Sample
from .finding import Finding
from .run import Check, Run, attempt
from .torch_side import against_torch, torch_or_none
from .views import overwrite, sliced, turned

__all__ = ["check_op"]


def check_op(entry: OpInfo, dtype: type[DType], sample: Sample, dev: Any, level: str) -> Iterator[Finding]:
    """Every check that applies."""
    run = _OpRun(entry, dtype, sample, dev)
    yield from attempt(run, lambda: run.checks(level))


class _OpRun(Run):
    def checks(self, level: str) -> Iterator[tuple[str, Check]]:
        inputs = bool(self.tensors)
        if inputs:
            yield "mutation", self.mutation
        if inputs and self.sample is self.entry.samples[0]:
            yield "fresh", self.fresh
        if self.entry.grad and self.sample.grad and self.dtype.is_float and inputs:
            yield "gradient", self.gradient
        if level != "quick" or self.dtype.name == "f32":
            yield "determinism", self.determinism
        if self.small and inputs and not self.entry.view:
            yield "aliasing", self.aliasing
        if self.small and inputs and any(h.ndim for h in self.hosts):
            yield "strided", self.strided
        beside = self.dtype.name == ("bool" if self.entry.takes == "bool" else "f32")
        if level != "quick" and beside and self.entry.torch is not None and torch_or_none() is not None:
            yield "pytorch", lambda outs: against_torch(self, outs)

    def aliasing(self, _: Any) -> Iterator[Finding]:
        """Overwriting the result in place leaves the inputs alone."""
        outs = self.forward()
        for o in outs:
            overwrite(self.dev, o)
        bad = [i for i, (t, h) in enumerate(zip(self.tensors, self.hosts, strict=True)) if not same_bits(to_host(t), h)]
        yield self.asked("aliasing", not bad, f"the result shares storage with input {bad}")

    def strided(self, _: Any) -> Iterator[Finding]:
        """Inputs that are views with steps, an offset, or turned axes give the same answer."""
        worst = Verdict(True, 0.0)
        for name, view in (("sliced", sliced), ("turned", turned)):
            outs = self.forward([view(self.dev, h, t.dtype) for h, t in zip(self.hosts, self.tensors, strict=True)])
            v = self.verdict([to_host(o) for o in outs])
            worst = max(worst, v._replace(detail=f"{name} inputs: {v.detail}"), key=lambda v: (not v.ok, v.ratio))
        yield self.judged("strided", worst)
