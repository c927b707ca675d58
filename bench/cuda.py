"""The CUDA device beside PyTorch on the same GPU: `python -m dfdx.bench.cuda [--device cuda] [--scale 1]`.

Each line is a ratio of minima (and of medians) from one run in which the contestants take turns; below 1 is faster. Maps, rows and
Adam are also compared with the device's copy, by the bytes that they must move.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np

import dfdx

from .devices import adam, copy, on
from .eager import README
from .harness import Timing, Work, measure
from .steps import dfdx_step, numbers, torch_step

__all__ = ["Line", "lines", "run"]

DIGITS: dict[str, Any] = {
    "layers": [
        ("conv", 1, 16, 3, 1, 1), ("relu",), ("pool", 2, 2), ("conv", 16, 32, 3, 1, 1), ("relu",), ("pool", 2, 2), ("flatten",),
        ("linear", 128, 10),
    ],
    "x": numbers(64, 1, 8, 8), "y": np.arange(64) % 10, "loss": "classes",
}  # fmt: skip
DTYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


class Line(NamedTuple):
    """`ours` and `theirs` set up the work, given (device) and (torch); `flops` of a run, or the bytes that it must move."""

    name: str
    ours: Callable[[Any], Work]
    theirs: Callable[[Any], Work]
    flops: float = 0.0
    nbytes: int = 0


def _product(n: int, name: str, tf32: bool) -> Line:
    def ours(dev: Any) -> Work:
        a, b = (dev.tensor(numbers(n, n, seed=i)).to_dtype(dfdx.DTYPES[name]) for i in range(2))

        def multiply() -> Any:
            dev.runtime.allow_tf32 = tf32
            return a @ b

        return Work(multiply, dev.synchronize)

    def theirs(torch: Any) -> Work:
        a, b = (_there(torch, n, n, seed=i).to(getattr(torch, DTYPES[name])) for i in range(2))

        def multiply() -> Any:
            torch.backends.cuda.matmul.allow_tf32 = tf32
            return a @ b

        return Work(multiply, torch.cuda.synchronize)

    return Line(f"matmul {n} {'tf32' if tf32 else name}", ours, theirs, 2.0 * n**3)


def _there(torch: Any, *shape: int, seed: int = 0) -> Any:
    return torch.from_numpy(numbers(*shape, seed=seed)).cuda()


def _one(name: str, shape: tuple[int, ...], ours: Callable[[Any], Any], theirs: Callable[[Any, Any], Any]) -> Line:
    """A function of one tensor that reads and writes it once."""

    def its(torch: Any) -> Work:
        x = _there(torch, *shape)
        return Work(lambda: theirs(torch, x), torch.cuda.synchronize)

    return Line(name, lambda dev: on(dev, ours, shape), its, nbytes=8 * prod(shape))


def _adam(n: int) -> Line:
    def theirs(torch: Any) -> Work:
        w = torch.nn.Parameter(torch.ones(n, device="cuda"))
        w.grad = torch.full_like(w, 2.0)
        return Work(torch.optim.Adam([w], fused=True).step, torch.cuda.synchronize)

    return Line("Adam", lambda dev: adam(dev, n), theirs, nbytes=28 * n)


def _step(name: str, job: dict[str, Any], captured: bool) -> Line:
    """A training step of 64 samples."""
    return Line(
        f"{name} step{', captured' * captured}",
        lambda dev: dfdx_step(**job, captured=captured, device=dev.name),
        lambda _: torch_step(**job, device="cuda"),
    )


def _copied(n: int) -> Line:
    def theirs(torch: Any) -> Work:
        return Work(_there(torch, n).clone, torch.cuda.synchronize)

    return Line("copy", lambda dev: copy(dev, n), theirs, nbytes=8 * n)


def lines(scale: float = 1.0) -> list[Line]:
    """`scale` shrinks what is large, for a look at whether it runs."""
    n, rows = int(2**26 * scale), int(2**16 * scale)
    sizes = [max(16, int(s * scale**0.5)) for s in (1024, 2048, 4096, 8192)]
    kinds = [("f32", False), ("f32", True), ("f16", False), ("bf16", False)]
    return [
        _copied(n),
        *[_product(size, name, tf32) for name, tf32 in kinds for size in sizes],
        _one("exp", (n,), lambda x: x.exp(), lambda _, x: x.exp()),
        _one("gelu", (n,), lambda x: x.accurate_gelu(), lambda t, x: t.nn.functional.gelu(x)),
        _one("softmax, rows of 1024", (rows, 1024), lambda x: x.softmax(-1), lambda _, x: x.softmax(-1)),
        _one("normalize, rows of 1024", (rows, 1024), lambda x: x.normalize(-1, 1e-5),
             lambda t, x: t.nn.functional.layer_norm(x, (1024,))),
        _adam(int(1e8 * scale)),
        *[_step(name, job, captured) for name, job in (("README model", README), ("digits CNN", DIGITS)) for captured in (False, True)],
    ]  # fmt: skip


def run(dev: Any, torch: Any = None, seconds: float = 0.5, scale: float = 1.0) -> Iterator[tuple[str, dict[str, Any]]]:
    """(line, its figures): seconds, the ratio to PyTorch's where that is given, TFLOP/s or the share of the copy's bandwidth."""
    copy_rate = 0.0
    for line in lines(scale):
        works = {"dfdx": line.ours(dev)} | ({"torch": line.theirs(torch)} if torch is not None else {})
        for work in works.values():
            for _ in range(4):
                work.run()
            work.finish()
        found = {k: t for k, t in measure(works, seconds).items() if isinstance(t, Timing)}
        mine = found["dfdx"].min
        figures: dict[str, Any] = {k: {"min": t.min, "median": t.median} for k, t in found.items()}
        if "torch" in found:
            figures["ratio"] = mine / found["torch"].min
            figures["median_ratio"] = found["dfdx"].median / found["torch"].median
        if line.flops:
            figures["tflops"] = line.flops / mine / 1e12
        if line.nbytes:
            rate = line.nbytes / mine
            copy_rate = copy_rate or rate
            figures |= {"gb_per_s": rate / 1e9, "of_copy": rate / copy_rate}
        yield line.name, figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the large sizes")
    options = parser.parse_args()
    dev = dfdx.device(options.device)
    for name, figures in run(dev, cuda_torch(), options.seconds, options.scale):
        print(f"{name:28} {json.dumps(figures)}", flush=True)


def cuda_torch() -> Any:
    """PyTorch, if it is here and sees a GPU."""
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


if __name__ == "__main__":
    main()
