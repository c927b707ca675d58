"""The OpenCL device beside what a user of the same machine would pick: `python -m dfdx.bench.opencl [--device opencl:intel]`.

Each line is a ratio of minima (and of medians) from one run in which the contestants take turns; below 1 is faster. Maps are
compared with a copy on the same device, scaled by the bytes that they must move, or with their own arithmetic on data that stays
in the cache, whichever takes longer.
"""

from __future__ import annotations

import argparse
import importlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import dfdx
from dfdx import nn, optim
from dfdx.nn import losses

from .devices import adam, copy, on
from .harness import Timing, Work, measure
from .steps import numbers, torch_setup

__all__ = ["lines"]

N = 1 << 24
REST = 0.03  # seconds in which the threads of NumPy's BLAS and of PyTorch go to sleep


class Line(NamedTuple):
    """Ours against a peer; `share`: what the peer's time is multiplied by, `goal`: the ratio to reach, `arithmetic`: another bound."""

    name: str
    ours: Callable[[Any], Work]
    peer: str
    theirs: Callable[[Any], Work]
    goal: float
    share: float = 1.0
    arithmetic: Callable[[Any], Work] | None = None


def _numpy(build: Callable[..., Any], *shapes: tuple[int, ...]) -> Work:
    arrays = [numbers(*s, seed=i) for i, s in enumerate(shapes)]
    return Work(lambda: build(*arrays))


def _torch(build: Callable[..., Any], *shapes: tuple[int, ...]) -> Work:
    torch = torch_setup()
    tensors = [torch.from_numpy(numbers(*s, seed=i)) for i, s in enumerate(shapes)]
    return Work(lambda: build(torch, *tensors))


def _copy(dev: Any) -> Work:
    return copy(dev, N)


def _cached(dev: Any, build: Callable[[Any], Any], n: int = 1 << 19) -> Work:
    """A map of 16 M floats as often over an array that the cache holds."""
    t = dev.tensor(numbers(n))

    def run() -> None:
        for _ in range(N // n):
            build(t)

    return Work(run, dev.synchronize)


def _map(name: str, build: Callable[[Any], Any]) -> Line:
    """A map of one array, bound by the bytes or by the arithmetic."""
    ours = lambda d: on(d, build, (N,))  # noqa: E731
    return Line(name, ours, "copy or arithmetic", _copy, 1.3, 1.0, lambda d: _cached(d, build))


CNN = (
    (nn.Conv2D(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2D(2, stride=2)),
    (nn.Conv2D(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2D(2, stride=2)),
    (nn.Flatten2D(), nn.Linear(128, 10)),
)


def _cnn(dev: Any) -> Work:
    """A training step of the digits net: 64 images of 8 x 8."""
    model = dev.build_module(CNN, dfdx.f32)
    opt, grads = optim.Sgd(model, lr=1e-2), model.alloc_grads()
    x, y = dev.tensor(numbers(64, 1, 8, 8)), dev.tensor(np.arange(64) % 10)

    def step() -> Any:
        loss = losses.cross_entropy_with_indices_loss(model(x.traced(grads)), y)
        opt.update(model, loss.backward())
        model.zero_grads(grads)
        return loss

    return Work(step, dev.synchronize)


def _cnn_tinygrad(_: Any) -> Work:
    """The same step, jitted as its users would, on tinygrad's OpenCL device."""
    os.environ["DEV"] = "CL"
    loader = sorted((Path(importlib.import_module("pyopencl").__file__ or "").parent / ".libs").glob("libOpenCL*"))
    if loader:
        os.environ.setdefault("OPENCL_PATH", str(loader[0]))
    tinygrad = importlib.import_module("tinygrad")
    layers, optimizers = importlib.import_module("tinygrad.nn"), importlib.import_module("tinygrad.nn.optim")
    Tensor, TinyJit, SGD = tinygrad.Tensor, tinygrad.TinyJit, optimizers.SGD
    Conv2d, Linear = layers.Conv2d, layers.Linear
    c1, c2, fc = Conv2d(1, 16, 3, padding=1), Conv2d(16, 32, 3, padding=1), Linear(128, 10)
    opt = SGD([c1.weight, c1.bias, c2.weight, c2.bias, fc.weight, fc.bias], lr=1e-2)
    x, y = Tensor(numbers(64, 1, 8, 8)).realize(), Tensor((np.arange(64) % 10).astype(np.int32)).realize()

    @TinyJit
    def step() -> Any:
        with tinygrad.Context(TRAINING=1):
            h = c1(x).relu().max_pool2d(2)
            h = c2(h).relu().max_pool2d(2).flatten(1)
            opt.zero_grad()
            loss = fc(h).sparse_categorical_crossentropy(y).backward()
            opt.step()
            return loss.realize()

    last: list[Any] = []

    def run() -> None:
        last[:] = [step()]

    return Work(run, lambda: last[0].item())


def _adds(dev: Any) -> Work:
    t = dev.ones((16,))

    def run() -> None:
        for _ in range(500):
            t + t

    return Work(run, dev.synchronize, 500)


def _microseconds(_: Any) -> Work:
    """A busy wait of 15 microseconds, 100 times: the promised overhead as a peer."""

    def run() -> None:
        for _ in range(100):
            end = time.perf_counter() + 15e-6
            while time.perf_counter() < end:
                pass

    return Work(run, units=100)


def _sgemm(n: int, turned: bool) -> Line:
    """Square matrices; `turned`: the second is a transposed view."""
    shapes = ((n, n), (n, n))

    def ours(dev: Any) -> Work:
        return on(dev, (lambda a, b: a @ b.permute((1, 0))) if turned else (lambda a, b: a @ b), *shapes)

    def theirs(_: Any) -> Work:
        return _numpy((lambda a, b: a @ b.T) if turned else np.matmul, *shapes)

    return Line(f"sgemm {n}" + ", second turned" * turned, ours, "NumPy", theirs, 1.0)


def lines() -> tuple[Line, ...]:
    wide = (4096, 1024)
    return (
        *[_sgemm(n, turned) for n in (512, 1024) for turned in (False, True)],
        Line("add, 16 M", lambda d: on(d, lambda a, b: a + b, (N,), (N,)), "copy", _copy, 1.3, 1.5),
        _map("exp, 16 M", lambda a: a.exp()),
        _map("gelu, 16 M", lambda a: a.accurate_gelu()),
        Line("Adam, 16 M", lambda d: adam(d, N), "copy", _copy, 1.3, 3.5),
        Line("sum, 16 M", lambda d: on(d, lambda a: a.sum(), (N,)), "copy", _copy, 1.3, 0.5),
        Line("softmax, 4096 x 1024", lambda d: on(d, lambda a: a.softmax(-1), wide), "PyTorch",
             lambda d: _torch(lambda t, a: a.softmax(-1), wide), 1.0),
        Line("layer norm, 4096 x 1024", lambda d: on(d, lambda a, g, b: a.layer_norm(g, b), wide, (1024,), (1024,)), "PyTorch",
             lambda d: _torch(lambda t, a, g, b: t.nn.functional.layer_norm(a, (1024,), g, b), wide, (1024,), (1024,)), 1.0),
        Line("digits CNN, a step", _cnn, "our CPU device", lambda d: _cnn(dfdx.device("cpu")), 2.0),
        Line("digits CNN, a step", _cnn, "tinygrad on OpenCL", _cnn_tinygrad, 1.0),
        Line("launch of a small op", _adds, "15 us", _microseconds, 1.0),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="opencl")
    parser.add_argument("--rows", default="", help="only lines whose name holds this")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument(
        "--cpu-time", action="store_true", help="seconds of CPU instead of wall time, for a busy machine"
    )
    options = parser.parse_args()
    clock = time.process_time if options.cpu_time else time.perf_counter
    dev = dfdx.device(options.device)
    print(f"{dev.runtime.device.name.strip()}, {dev.runtime.device.platform.name.strip()}")
    print(f"{'':26}{'against':20}{'ours':>10}{'peer':>10}{'ratio':>8}{'medians':>9}{'goal':>6}")
    for line in lines():
        if options.rows not in line.name:
            continue
        try:
            works = {"ours": line.ours(dev), line.peer: line.theirs(dev)}
            if line.arithmetic is not None:
                works["arithmetic"] = line.arithmetic(dev)
            for work in works.values():
                for _ in range(3):
                    work.run()
                work.finish()
            found = measure(works, options.seconds, clock, REST)
        except Exception as e:
            print(f"{line.name:26}{line.peer:20}{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}"[:120])
            continue
        ours, (least, usual) = found["ours"], _bound(line, found)
        assert isinstance(ours, Timing)
        print(
            f"{line.name:26}{line.peer:20}{ours.min * 1e3:8.3f}ms{least * 1e3:8.3f}ms"
            f"{ours.min / least:8.2f}{ours.median / usual:9.2f}{line.goal:6.1f}",
            flush=True,
        )


def _bound(line: Line, found: Mapping[str, Timing | str]) -> tuple[float, float]:
    """Minimum and median of what a line is compared with, in seconds."""
    peer, more = found[line.peer], found.get("arithmetic", Timing(0.0, 0.0, 0))
    assert isinstance(peer, Timing) and isinstance(more, Timing)
    return max(peer.min * line.share, more.min), max(peer.median * line.share, more.median)


if __name__ == "__main__":
    main()
