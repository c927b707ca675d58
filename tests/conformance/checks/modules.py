"""Checks of one module on one sample in one dtype: as an op of its inputs and parameters, and as a module."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from ...core.dtypes import DType
from ...core.gradients import Gradients
from ...core.inplace import write
from .. import reference as R
from ..accuracy import compare, same_bits, to_host
from ..info import ModuleInfo
from ..samples import Sample, host
from .finding import Finding
from .run import Check, Run, as_tuple, attempt

__all__ = ["built", "check_module", "draw"]


def check_module(entry: ModuleInfo, dtype: type[DType], sample: Sample, dev: Any, level: str) -> Iterator[Finding]:
    """Every check that applies."""
    run = _ModuleRun(entry, dtype, sample, dev)
    yield from attempt(run, lambda: run.checks(level))


def draw(path: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """A parameter's values: normal, halved; variances are positive."""
    rng = np.random.default_rng(crc32(path.encode()))
    v = 0.5 * rng.standard_normal(shape)
    return host(np.asarray(np.abs(v) + 0.25 if path.endswith("var") else v), dtype)


def built(entry: ModuleInfo, dev: Any, dtype: type[DType]) -> Any:
    """The model with the kit's parameters."""
    model = dev.build_module(entry.make(), dtype)
    for n in model.named_tensors():
        if n.path not in entry.fixed:
            write(n.tensor, dev.tensor(draw(n.path, n.tensor.shape, n.tensor.dtype), n.tensor.dtype))
    return model


class _ModuleRun(Run):
    """Its tensors are the inputs, then the parameters in the order of `named_tensors`."""

    parts_round = True

    def __init__(self, entry: ModuleInfo, dtype: type[DType], sample: Sample, dev: Any) -> None:
        super().__init__(entry, dtype, sample, dev)
        self.n_inputs = len(self.tensors)
        self.model = built(entry, dev, dtype)
        self.named = list(self.model.named_tensors())
        self.tensors += [n.tensor for n in self.named]
        self.hosts = [*self.hosts, *[to_host(n.tensor) for n in self.named]]
        self.training = False

    def restore(self) -> None:
        """Parameters and running statistics as they were."""
        for n, h in zip(self.named, self.hosts[self.n_inputs :], strict=True):
            write(n.tensor, self.dev.tensor(h, n.tensor.dtype))

    def differentiable(self, i: int) -> bool:
        if i >= self.n_inputs:
            return bool(self.named[i - self.n_inputs].trainable)
        return super().differentiable(i)

    def input_dtype(self, i: int) -> Any:
        return super().input_dtype(i) if i < len(self.sample.inputs) else self.named[i - self.n_inputs].tensor.dtype

    def reference(self, each: bool) -> tuple[list[R.Ref], tuple[R.Ref, ...]]:
        leaves, outs, _ = self.computed()
        return leaves, outs

    def computed(self) -> tuple[list[R.Ref], tuple[R.Ref, ...], dict[str, R.Ref]]:
        """(inputs and parameters, outputs, new running statistics), for training if the run trains."""
        with R.arithmetic(self.arithmetic(True)):
            leaves = [R.leaf(h) for h in self.hosts]
            params = {n.path: p for n, p in zip(self.named, leaves[self.n_inputs :], strict=True)}
            trains = self.training and self.entry.train is not None
            found = (self.entry.train if trains else self.entry.reference)(
                params, *leaves[: self.n_inputs], **self.kwargs
            )
            statistics: dict[str, R.Ref] = {}
            if trains and isinstance(found, tuple) and isinstance(found[-1], dict):
                found, statistics = found
            return leaves, as_tuple(found), statistics

    def forward(self, tensors: Any = None) -> tuple[Any, ...]:
        return self.called(self.model, self.tensors if tensors is None else tensors)

    def called(self, model: Any, tensors: list[Any]) -> tuple[Any, ...]:
        given = tensors[: self.n_inputs]
        return as_tuple(model(*given, **self.kwargs) if self.entry.call is None else self.entry.call(model, *given))

    def enter(self, grads: Gradients) -> list[Any]:
        """The first input is traced (ids too); the module gives the others an empty tape."""
        return [self.tensors[0].traced(grads), *self.tensors[1:]]

    # ----- checks

    def checks(self, level: str) -> Iterator[tuple[str, Check]]:
        yield "mutation", self.mutation
        yield "train", self.train
        if self.entry.grad and self.sample.grad:
            yield "gradient", self.trained_gradient
        yield "determinism", self.determinism
        if level != "quick":
            yield "frozen", self.frozen
            yield "files", self.files
            yield "clone", self.cloned

    def train(self, _: Any) -> Iterator[Finding]:
        """A traced input: the output, and the running statistics that it moves."""
        self.training = True
        _, wanted, statistics = self.computed()
        outs = self.forward(self.enter(Gradients.leaky()))
        got = [to_host(o) for o in outs]
        worst = max(
            (compare(g, w, self.dtype) for g, w in zip(got, wanted, strict=True)), key=lambda v: (not v.ok, v.ratio)
        )
        yield self.judged("train", worst)
        for n in self.named:
            if n.path in statistics:
                yield self.judged("statistics", compare(to_host(n.tensor), statistics[n.path], n.tensor.dtype))
            elif not same_bits(to_host(n.tensor), self.hosts[self.n_inputs + self.named.index(n)]):
                yield self.asked("statistics", False, f"training changed {n.path}")
        self.training = False
        self.restore()

    def trained_gradient(self, outs: Any) -> Iterator[Finding]:
        self.training = True
        yield from self.gradient(outs)
        self.training = False
        self.restore()

    def mutation(self, _: Any) -> Iterator[Finding]:
        if self.training and self.entry.train is not None:
            return  # running statistics have moved
        yield from super().mutation(_)

    def frozen(self, _: Any) -> Iterator[Finding]:
        """`frozen()` infers under a tape, and its parameters get no gradient."""
        grads = Gradients.leaky()
        outs = self.called(self.model.frozen(), self.enter(grads))
        v = self.verdict([to_host(o) for o in outs])
        kept = [
            n.path
            for n, h in zip(self.named, self.hosts[self.n_inputs :], strict=True)
            if not same_bits(to_host(n.tensor), h)
        ]
        detail = v.detail or f"changed {kept}"
        yield self.asked("frozen", v.ok and not kept, f"frozen() under a tape: {detail}")

    def files(self, outs: Any) -> Iterator[Finding]:
        """What is saved and loaded into another model gives the same bits."""
        before = [to_host(o) for o in outs]
        other = self.dev.build_module(self.entry.make(), self.dtype)
        with tempfile.TemporaryDirectory() as folder:
            for suffix in (".npz", ".safetensors"):
                path = Path(folder) / f"model{suffix}"
                if not self.named:
                    continue
                self.model.save(path)
                other.load(path)
                after = [to_host(o) for o in self.called(other, self.tensors)]
                same = self.alike(before, after)
                yield self.asked("files", same, f"after saving and loading {suffix} the model gives something else")

    def alike(self, before: list[Any], after: list[Any]) -> bool:
        if self.dev.capabilities.deterministic:
            return all(same_bits(a, b) for a, b in zip(before, after, strict=True))
        return self.verdict(after).ok

    def cloned(self, outs: Any) -> Iterator[Finding]:
        """A clone has its own ids, keeps all settings and gives the same bits."""
        other = self.model.clone()
        after = [to_host(o) for o in self.called(other, self.tensors)]
        shared = {n.tensor.id for n in self.named} & {n.tensor.id for n in other.named_tensors()}
        ok = self.alike([to_host(o) for o in outs], after) and not shared
        yield self.asked("clone", ok, "a clone shares tensors" if shared else "a clone gives something else")
