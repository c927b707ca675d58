"""The same samples in PyTorch, where it is installed: in float64, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from .. import reference as R
from ..accuracy import Verdict, compare, to_host
from .finding import Finding

__all__ = ["against_torch", "torch_or_none"]

DOUBT = 1e-12  # how far two float64 calculations of one thing may lie apart, of the largest value


@cache
def torch_or_none() -> Any:
    """PyTorch, or None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    return torch


def against_torch(run: Any, outs: Any) -> Iterator[Finding]:
    """The device's results within their bounds of PyTorch's; nothing where PyTorch has no such call."""
    torch, entry = torch_or_none(), run.entry
    inputs = [torch.tensor(h.astype(np.float64) if h.dtype.kind == "f" else h) for h in run.hosts]
    for i, t in enumerate(inputs):
        t.requires_grad_(t.is_floating_point() and run.differentiable(i))
    function = (
        getattr(torch, entry.torch) if isinstance(entry.torch, str) else lambda *a, **k: entry.torch(torch, *a, **k)
    )
    given = run.sample.kwargs
    theirs = (
        function(*inputs, *given.values())
        if isinstance(entry.torch, str) and _positional(entry)
        else function(*inputs, **given)
    )
    if theirs is None:
        return
    theirs = theirs if isinstance(theirs, (tuple, list)) else (theirs,)
    worst = Verdict(True, 0.0)
    for out, t, want in zip(outs, theirs, run.wanted(), strict=True):
        worst = max(worst, _judged(to_host(out), t.detach().numpy(), want.e, out.dtype, 1.0), key=_rank)
    yield run.judged("pytorch", worst)
    if run.gradients is not None:
        yield run.judged("pytorch gradient", _gradient(torch, run, inputs, theirs))


def _positional(entry: Any) -> bool:
    """Functions of PyTorch that name their second argument otherwise."""
    return entry.family in ("unary", "compare", "order")


def _judged(got: Any, theirs: Any, e: Any, dtype: Any, factor: float) -> Verdict:
    if theirs.dtype.kind != "f":
        return (
            compare(got.astype(theirs.dtype), R.Ref(theirs), dtype)
            if got.shape == theirs.shape
            else Verdict(False, np.inf, "another shape")
        )
    finite = np.abs(theirs[np.isfinite(theirs)])
    return compare(got, R.Ref(theirs, e + DOUBT * (finite.max() if finite.size else 0.0)), dtype, factor)


def _gradient(torch: Any, run: Any, inputs: list[Any], theirs: Any) -> Verdict:
    got, wanted = run.gradients
    floats = [t for t in theirs if t.is_floating_point()]
    rng = np.random.default_rng(7)
    total = sum(
        (t * torch.tensor(np.asarray(rng.standard_normal(tuple(t.shape))).astype(np.float32).astype(np.float64))).sum()
        for t in floats
    )
    total.backward()
    worst = Verdict(True, 0.0)
    for i, (g, w, t) in enumerate(zip(got, wanted, inputs, strict=True)):
        if g is not None and t.grad is not None:
            v = _judged(g, t.grad.numpy(), w.e + 2.0**-149, run.tensors[i].dtype, 2.0)
            worst = max(worst, v._replace(detail=f"input {i}: {v.detail}"), key=_rank)
    return worst


def _rank(v: Verdict) -> Any:
    return (not v.ok, v.ratio)
