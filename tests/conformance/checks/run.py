"""Running an entry on a device beside its reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np

from ...core.dtypes import DType
from ...core.errors import MissingKernelError
from ...core.gradients import Gradients
from .. import reference as R
from ..accuracy import Verdict, compare, same_bits, to_host
from ..samples import Sample
from .finding import Finding, message
from .source import runnable

__all__ = ["SMALL", "Run", "as_tuple", "attempt"]

GRADIENT = 2.0  # gradients may be off by twice their bound
WARM = 5  # calls after which a backend has settled on a kernel
SMALL = 4096  # checks that copy or repeat are made on samples up to this size

Check = Callable[[Any], Iterator[Finding]]


def attempt(run: Run, checks: Callable[[], Iterator[tuple[str, Check]]]) -> Iterator[Finding]:
    """The values, then every other check; the first to fail does not stop the others, unless the call itself raises."""
    try:
        outs = run.forward()
    except MissingKernelError as e:
        yield run.found("forward", "missing", detail=message(e))
        return
    except Exception as e:
        yield run.found("forward", "error", detail=message(e))
        return
    yield from run.values(outs)
    for name, check in checks():
        try:
            yield from check(outs)
        except Exception as e:
            yield run.found(name, "error", detail=message(e))


class Run:
    """An entry on one sample in one dtype: what the device gives, what is right, and the checks that all kinds share."""

    def __init__(self, entry: Any, dtype: type[DType], sample: Sample, dev: Any) -> None:
        self.entry, self.dtype, self.sample, self.dev = entry, dtype, sample, dev
        self.hosts = sample.arrays(entry.name, dtype)
        self.kwargs = sample.kwargs
        self.tensors = [dev.tensor(h, self.input_dtype(i)) for i, h in enumerate(self.hosts)]
        self._wanted: tuple[R.Ref, ...] | None = None
        self.gradients: tuple[list[Any], list[R.Ref]] | None = None  # (got, wanted), once they were checked

    def input_dtype(self, i: int) -> Any:
        own = self.sample.inputs[i].dtype
        return own if own is not None else self.dtype

    @property
    def small(self) -> bool:
        return sum(h.size for h in self.hosts) <= SMALL

    def found(self, check: str, status: str = "pass", ratio: float | None = None, detail: str = "") -> Finding:
        e = self.entry
        f = Finding(e.kind, e.name, e.family, self.dtype.name, self.sample.name, check, status, ratio, detail)
        if f.bad:
            f.source = runnable(e, self.dtype, self.sample, self.hosts, self.dev.name)
        return f

    def judged(self, check: str, v: Verdict) -> Finding:
        return self.found(check, "pass" if v.ok else "fail", v.ratio, v.detail)

    def asked(self, check: str, ok: bool, detail: str) -> Finding:
        return self.found(check, "pass" if ok else "fail", None, "" if ok else detail)

    # ----- what is right

    def arithmetic(self, each: bool) -> R.Arithmetic:
        caps = self.dev.capabilities
        return R.Arithmetic(
            self.dtype.compute if self.dtype.is_float else R.Arithmetic.compute,
            self.dtype if self.dtype.is_float else R.Arithmetic.storage,
            each,
            caps.ulp,
            not caps.subnormals,
        )

    def reference(self, each: bool) -> tuple[list[R.Ref], tuple[R.Ref, ...]]:
        """Inputs and outputs as reference arrays; `each`: every function may be a kernel of its own."""
        with R.arithmetic(self.arithmetic(each)):
            if self.entry.maker:
                return [], tuple(map(R.stored, as_tuple(self.entry.reference(self.dtype, **self.kwargs))))
            leaves = [R.leaf(h) for h in self.hosts]
            return leaves, tuple(map(R.stored, as_tuple(self.entry.reference(*leaves, **self.kwargs))))

    @property
    def parts_round(self) -> bool:
        """Whether the parts of the entry may round their results; amp keeps f32 between the parts of a composite op."""
        return self.entry.composite and not self.dtype.is_amp

    def wanted(self) -> tuple[R.Ref, ...]:
        if self._wanted is None:
            self._wanted = self.reference(self.parts_round)[1]
        return self._wanted

    def differentiable(self, i: int) -> bool:
        return self.tensors[i].dtype.is_float and i not in self.entry.constants

    # ----- running

    def forward(self, tensors: Any = None) -> tuple[Any, ...]:
        if self.entry.maker:
            return as_tuple(self.entry.function(self.dev, self.dtype, **self.kwargs))
        return as_tuple(self.entry.function(*(self.tensors if tensors is None else tensors), **self.kwargs))

    def enter(self, grads: Gradients) -> list[Any]:
        """The inputs as a recorded call takes them."""
        return [t.traced(grads) if self.differentiable(i) else t for i, t in enumerate(self.tensors)]

    def backward(self, grads: Gradients) -> list[Any]:
        """One backward pass into `grads`; returns the seeds of each float output."""
        outs = [o for o in self.forward(self.enter(grads)) if o.dtype.is_float]
        rng = np.random.default_rng(7)
        seeds = [np.asarray(rng.standard_normal(o.shape)).astype(o.dtype.numpy) for o in outs]
        total: Any = None
        for o, s in zip(outs, seeds, strict=True):
            part = (o * self.dev.tensor(s, o.dtype)).sum()
            part = part if part.dtype is outs[0].dtype else part.to_dtype(outs[0].dtype)
            total = part if total is None else total + part
        total.backward()
        return seeds

    def received(self, grads: Gradients) -> list[Any]:
        """The gradient of each input as an array; None where none came."""
        return [to_host(grads.get(t)) if t in grads else None for t in self.tensors]

    # ----- checks

    def values(self, outs: tuple[Any, ...]) -> Iterator[Finding]:
        wanted = self.wanted()
        gives = self.entry.gives_dtypes(self.dtype, len(outs))
        hosts = [to_host(o) for o in outs]
        shapes, right = [(o.shape, h.shape) for o, h in zip(outs, hosts, strict=True)], [w.shape for w in wanted]
        yield self.asked(
            "shape", shapes == [(s, s) for s in right], f"(shape, of what it holds): {shapes}, not {right}"
        )
        types = [(o.dtype.name, str(h.dtype)) for o, h in zip(outs, hosts, strict=True)]
        yield self.asked(
            "dtype",
            types == [(d.name, str(d.numpy)) for d in gives],
            f"(dtype, of what it holds): {types}, not {gives}",
        )
        yield self.judged("forward", self.verdict(hosts))
        yield self.asked(
            "untaped", all(o._serial is None and not o.owns_tape for o in outs), "something was recorded without a tape"
        )

    def verdict(self, hosts: list[np.ndarray[Any, Any]]) -> Verdict:
        gives = self.entry.gives_dtypes(self.dtype, len(hosts))
        each = [compare(h, w, d, signed=self.entry.signed) for h, w, d in zip(hosts, self.wanted(), gives, strict=True)]
        return max(each, key=lambda v: (not v.ok, v.ratio))

    def fresh(self, _: Any) -> Iterator[Finding]:
        """Other values in the same shapes get their own answer, not that of an earlier call."""
        again = copy(self)
        again.hosts = self.sample.arrays(self.entry.name + " again", self.dtype)
        again.tensors = [self.dev.tensor(h, self.input_dtype(i)) for i, h in enumerate(again.hosts)]
        again._wanted = None
        v = again.verdict([to_host(o) for o in again.forward()])
        yield self.asked("fresh", v.ok, f"other values in the same shapes: {v.detail}")

    def mutation(self, _: Any) -> Iterator[Finding]:
        bad = [i for i, (t, h) in enumerate(zip(self.tensors, self.hosts, strict=True)) if not same_bits(to_host(t), h)]
        yield self.asked("mutation", not bad, f"the call changed input {bad}")

    def gradient(self, _: Any) -> Iterator[Finding]:
        grads = Gradients.leaky()
        seeds = self.backward(grads)
        got = self.received(grads)
        with R.arithmetic(self.arithmetic(True)):
            leaves, outs = self.reference(True)
            floats = [o for o in outs if o.is_float]
            wanted = R.gradient(floats, [s.astype(np.float64) for s in seeds], leaves)
        self.gradients = got, wanted
        yield self.judged("gradient", self.gradient_verdict(got, wanted))
        yield from self.mutation(None)
        if self.small:
            with R.arithmetic(self.arithmetic(True)):
                yield self.accumulation([w + w + w for w in wanted])

    def gradient_verdict(self, got: list[Any], wanted: list[R.Ref]) -> Verdict:
        worst = Verdict(True, 0.0)
        for i, (g, w, t) in enumerate(zip(got, wanted, self.tensors, strict=True)):
            if not self.differentiable(i):
                continue
            if g is None:
                v = Verdict(not w.v.any(), 0.0, "no gradient came")
            else:
                v = compare(g, R.Ref(w.v, w.e + _floor(t.dtype, w.v)), t.dtype, GRADIENT)
            worst = max(worst, v._replace(detail=f"input {i}: {v.detail}"), key=lambda v: (not v.ok, v.ratio))
        return worst

    def accumulation(self, wanted: list[R.Ref]) -> Finding:
        """Three backward passes into one `Gradients` add up: the second makes a sum, the third adds to it in place."""
        grads = Gradients.leaky()
        for _ in range(3):
            self.backward(grads)
        v = self.gradient_verdict(self.received(grads), wanted)
        return self.asked("accumulation", v.ok, f"three backward passes do not add up: {v.detail}")

    def determinism(self, outs: Any) -> Iterator[Finding]:
        """Calls in a row, until the backend is warm, stay within bounds; then they give the same bits."""
        if not self.dev.capabilities.deterministic:
            yield self.found("determinism", "n/a")
            return
        for _ in range(WARM):
            outs = self.forward()
        again = [to_host(o) for o in self.forward()]
        v = self.verdict(again)
        if not v.ok:
            yield self.judged("determinism", v._replace(detail=f"after {WARM} calls: {v.detail}"))
            return
        same = all(same_bits(a, to_host(o)) for a, o in zip(again, outs, strict=True))
        yield self.asked("determinism", same, "two calls in a row gave different bits")


def as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _floor(dtype: type[DType], v: Any) -> Any:
    """Gradients pass through storage between kernels, so that their smallest unit is that of the dtype."""
    return np.where(v == 0, 0.0, 0.5 * R.spacing(dtype, np.zeros(())))
