"""Checks of one optimizer in one dtype: five steps on known gradients, its state, and its refusals."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ... import nn
from ...core.dtypes import DType, f32
from ...core.errors import GradientError, UnusedParamsError
from ...core.inplace import write
from .. import reference as R
from ..accuracy import Verdict, compare, same_bits, to_host
from ..info import OptimizerInfo
from ..samples import host
from .finding import Finding, message
from .torch_side import DOUBT, torch_or_none

__all__ = ["check_optimizer"]

STEPS = 5


def check_optimizer(entry: OptimizerInfo, dtype: type[DType], dev: Any, level: str) -> Iterator[Finding]:
    """Every check that applies; an optimizer that raises fails the check in which it did."""
    run = _Training(entry, dtype, dev)
    checks = {"trajectory": run.trajectory, "state": run.saved, "unused": run.unused, "wrong model": run.wrong_model}
    if level != "quick" and dtype.name == "f32" and entry.torch is not None and torch_or_none() is not None:
        checks["pytorch"] = run.against_torch
    for name, check in checks.items():
        try:
            yield check()
        except Exception as e:
            yield run.found(name, "error", None, message(e))


class _Training:
    """A linear layer whose gradients are whatever the kit says: the loss is the sum of parameter times gradient."""

    def __init__(self, entry: OptimizerInfo, dtype: type[DType], dev: Any) -> None:
        self.entry, self.dtype, self.dev = entry, dtype, dev
        rng = np.random.default_rng(5)
        self.start = [host(np.asarray(rng.standard_normal(s)), dtype) for s in ((4, 3), (4,))]
        self.gradients = [
            [host(np.asarray(rng.standard_normal(a.shape)), dtype) for a in self.start] for _ in range(STEPS)
        ]

    def found(self, check: str, status: str, ratio: float | None = None, detail: str = "") -> Finding:
        e = self.entry
        return Finding(e.kind, e.name, e.family, self.dtype.name, f"{STEPS} steps", check, status, ratio, detail)

    def model(self) -> Any:
        model = self.dev.build_module(nn.Linear(3, 4), self.dtype)
        for t, v in zip(model.trainable_tensors(), self.start, strict=True):
            write(t, self.dev.tensor(v, self.dtype))
        return model

    def step(self, model: Any, optimizer: Any, t: int, skip: int | None = None) -> None:
        grads = model.alloc_grads()
        total = None
        for i, (p, g) in enumerate(zip(model.trainable_tensors(), self.gradients[t], strict=True)):
            if i != skip:
                part = (self.dev.tensor(g, self.dtype).traced(grads) * p).sum()
                total = part if total is None else total + part
        assert total is not None
        total.backward()
        optimizer.update(model, grads)

    def trained(self, steps: int = STEPS) -> tuple[Any, Any]:
        model = self.model()
        optimizer = self.entry.make(model)
        for t in range(steps):
            self.step(model, optimizer, t)
        return model, optimizer

    def wanted(self) -> list[R.Ref]:
        """The parameters after all steps. One launch computes a step; parameter and state are rounded once each."""
        d, caps = self.dtype, self.dev.capabilities
        flush = not caps.subnormals
        state_storage = f32 if d.is_amp else d
        found = []
        for k, start in enumerate(self.start):
            p, state = R.leaf(start), tuple(R.leaf(np.zeros(start.shape)) for _ in range(self.entry.slots))
            for t in range(STEPS):
                with R.arithmetic(R.Arithmetic(d.compute, d, False, caps.ulp, flush)):
                    p, state = self.entry.reference(p, R.leaf(self.gradients[t][k]), state, t + 1)
                    p = R.stored(p)
                with R.arithmetic(R.Arithmetic(d.compute, state_storage, False, caps.ulp, flush)):
                    state = tuple(R.stored(s) for s in state)
            found.append(p)
        return found

    def trajectory(self) -> Finding:
        model, _ = self.trained()
        each = [
            compare(to_host(t), w, self.dtype) for t, w in zip(model.trainable_tensors(), self.wanted(), strict=True)
        ]
        worst = max(each, key=lambda v: (not v.ok, v.ratio))
        return self.found("trajectory", "pass" if worst.ok else "fail", worst.ratio, worst.detail)

    def saved(self) -> Finding:
        """State saved after two steps and loaded into a new optimizer goes on as if nothing had happened."""
        whole, _ = self.trained()
        model, optimizer = self.trained(2)
        with tempfile.TemporaryDirectory() as folder:
            optimizer.save(Path(folder) / "state.npz")
            again = self.entry.make(model)
            again.load(Path(folder) / "state.npz")
        for t in range(2, STEPS):
            self.step(model, again, t)
        pairs = zip(whole.trainable_tensors(), model.trainable_tensors(), strict=True)
        same = all(same_bits(to_host(a), to_host(b)) for a, b in pairs)
        return self.found(
            "state", "pass" if same else "fail", None, "" if same else "a loaded state goes on differently"
        )

    def unused(self) -> Finding:
        """A parameter without a gradient: an error that names it, and nothing is updated."""
        model = self.model()
        try:
            self.step(model, self.entry.make(model), 0, skip=1)
        except UnusedParamsError as e:
            kept = all(same_bits(to_host(t), v) for t, v in zip(model.trainable_tensors(), self.start, strict=True))
            ok, detail = (
                kept and "bias" in str(e),
                "a parameter was updated" if not kept else "the message does not name it",
            )
        else:
            ok, detail = False, "no UnusedParamsError"
        return self.found("unused", "pass" if ok else "fail", None, "" if ok else detail)

    def wrong_model(self) -> Finding:
        """Another model's instance is refused."""
        model, other = self.model(), self.model()
        try:
            self.step(other, self.entry.make(model), 0)
        except GradientError:
            return self.found("wrong model", "pass")
        return self.found("wrong model", "fail", None, "another model was updated")

    def against_torch(self) -> Finding:
        torch = torch_or_none()
        params = [torch.nn.Parameter(torch.tensor(v.astype(np.float64))) for v in self.start]
        assert self.entry.torch is not None
        optimizer = self.entry.torch(torch, params)
        for t in range(STEPS):
            for p, g in zip(params, self.gradients[t], strict=True):
                p.grad = torch.tensor(g.astype(np.float64))
            optimizer.step()
        model, _ = self.trained()
        worst = Verdict(True, 0.0)
        for t, p, w in zip(model.trainable_tensors(), params, self.wanted(), strict=True):
            v = compare(to_host(t), R.Ref(p.detach().numpy(), w.e + DOUBT), self.dtype)
            worst = max(worst, v, key=lambda v: (not v.ok, v.ratio))
        return self.found("pytorch", "pass" if worst.ok else "fail", worst.ratio, worst.detail)
