"""Judge the CUDA device on a machine with a GPU, beside PyTorch, and write one JSON report.

    python tools/gpu_check.py [--device cuda] [--level standard] [--out gpu_report.json]

It needs dfdx, CuPy and, for the comparisons, PyTorch. Without a GPU it ends at once, and says `unavailable` and why.
Each part runs even if one before it failed; the exit status is 0 if the device is sound or unavailable.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import dfdx
from dfdx import losses, nn, optim

Report = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--level", default="standard", choices=("quick", "standard", "exhaustive"))
    parser.add_argument("--out", default="gpu_report.json")
    options = parser.parse_args()
    report: Report = {"dfdx": dfdx.__version__, "device": options.device}
    try:
        dev = dfdx.device(options.device)
    except dfdx.DeviceError as e:
        report |= {"verdict": "unavailable", "reason": str(e)}
        return finish(report, options.out)
    report["hardware"] = dev.backend.info.name
    parts: dict[str, Callable[[], Any]] = {
        "conformance": lambda: conformance(options.device, options.level),
        "demo": lambda: demo(options.device),
        "leak": lambda: leak(dev),
        "out_of_memory": lambda: out_of_memory(dev),
        "threads": lambda: threads(dev),
        "speed": lambda: speed(dev),
    }
    for name, part in parts.items():
        start = time.perf_counter()
        try:
            report[name] = part()
        except Exception:
            report[name] = {"ok": False, "error": traceback.format_exc(limit=6)}
        report[name]["seconds"] = round(time.perf_counter() - start, 1)
        print(f"{name:14} {'ok' if report[name].get('ok') else 'FAILED'} in {report[name]['seconds']} s", flush=True)
    report["verdict"] = "sound" if all(report[p].get("ok") for p in parts) else "faulty"
    return finish(report, options.out)


def finish(report: Report, out: str) -> int:
    Path(out).write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(f"{report['verdict']}{': ' + report['reason'] if 'reason' in report else ''}\nreport {out}")
    return 0 if report["verdict"] in ("sound", "unavailable") else 1


def conformance(device: str, level: str) -> Report:
    """The kit's verdict, from its own JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "dfdx", "conformance", device, "--level", level, "--json"],
        capture_output=True,
        text=True,
    )
    last = done.stdout[done.stdout.find("{") :]
    return {"ok": done.returncode == 0, "report": json.loads(last) if last else None, "errors": done.stderr[-2000:]}


def demo(device: str) -> Report:
    """The demo's accuracy on this device."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "dfdx", "demo", "--device", device, "--json", "--out", folder],
            capture_output=True,
            text=True,
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    found = json.loads(lines[-1]) if lines else {"errors": done.stderr[-2000:]}
    return {"ok": done.returncode == 0 and found.get("test_accuracy", 0) >= 0.96, **found}


def trainer(dev: dfdx.Device) -> Callable[[], Any]:
    """One training step of a small model."""
    model = dev.build_module((nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)))
    opt, grads = optim.Adam(model), model.alloc_grads()
    x, y = dev.sample_normal((64, 64)), dev.sample_normal((64, 10))

    def step() -> Any:
        loss = losses.mse_loss(model(x.traced(grads)), y)
        opt.update(model, loss.backward())
        model.zero_grads(grads)
        return loss

    return step


def leak(dev: dfdx.Device, steps: int = 10_000) -> Report:
    """Memory in use before and after many steps."""
    step = trainer(dev)
    for _ in range(10):
        step()
    before = dev.memory_stats()["in_use"]
    for _ in range(steps):
        step()
    after = dev.memory_stats()["in_use"]
    return {"ok": after <= before + 2**20, "steps": steps, "before": before, "after": after}


def out_of_memory(dev: dfdx.Device) -> Report:
    """An allocation that cannot fit raises `OutOfMemoryError`, and the device works afterwards."""
    try:
        dev.zeros((2**14, 2**14, 2**14))
        return {"ok": False, "error": "16 TiB were allocated"}
    except dfdx.OutOfMemoryError as e:
        usable = (dev.ones((4,)) + 1.0).tolist() == [2.0] * 4
        return {"ok": usable, "message": str(e)}


def threads(dev: dfdx.Device) -> Report:
    """Two threads that train models of their own reach the numbers that they reach alone."""

    def run(found: list[float], seed: int) -> None:
        step = trainer(dfdx.device(dev.name, seed=seed))
        for _ in range(200):
            loss = step()
        found.append(loss.item())

    alone: list[float] = []
    for seed in (1, 2):
        run(alone, seed)
    together: list[list[float]] = [[], []]
    workers = [threading.Thread(target=run, args=(together[i], i + 1)) for i in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return {"ok": [t[0] for t in together] == alone, "alone": alone, "together": together}


# ----- speed, beside PyTorch in one run


def timed(ours: Callable[[], Any], theirs: Callable[[], Any] | None, sync: Callable[[], Any], n: int = 20) -> Report:
    """Medians of calls that alternate, in seconds."""
    times: tuple[list[float], list[float]] = ([], [])
    for f in (ours, theirs):
        for _ in range(3):
            if f is not None:
                f()
    for _ in range(n):
        for f, found in zip((ours, theirs), times, strict=True):
            if f is not None:
                sync()
                start = time.perf_counter()
                f()
                sync()
                found.append(time.perf_counter() - start)
    mine = float(np.median(times[0]))
    return {"dfdx": mine} | ({"torch": (t := float(np.median(times[1]))), "ratio": mine / t} if times[1] else {})


def speed(dev: dfdx.Device) -> Report:
    """Products, elementwise and row kernels, Adam, and a training step."""
    try:
        import torch

        cuda = torch.cuda.is_available() and dev.name.startswith("cuda")
    except ImportError:
        torch, cuda = None, False  # type: ignore[assignment]

    def sync() -> None:
        dev.synchronize()
        if cuda:
            torch.cuda.synchronize()

    rows: Report = {}
    for name, dtype in (("f32", dfdx.f32), ("f16", dfdx.f16), ("bf16", dfdx.bf16)):
        for n in (1024, 2048, 4096, 8192):
            a, b = dev.sample_normal((n, n)).to_dtype(dtype), dev.sample_normal((n, n)).to_dtype(dtype)
            theirs = None
            if cuda:
                kind = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[name]
                p, q = (torch.randn(n, n, device="cuda", dtype=kind) for _ in range(2))
                theirs = lambda p=p, q=q: p @ q  # noqa: E731
            row = timed(lambda a=a, b=b: a @ b, theirs, sync)
            rows[f"matmul {n} {name}"] = row | {"tflops": 2 * n**3 / row["dfdx"] / 1e12}
    big = dev.sample_normal((2**26,))
    t = torch.randn(2**26, device="cuda") if cuda else None
    copy = timed(lambda: big.clone(), (lambda: t.clone()) if cuda else None, sync)
    rows["copy 64M"] = copy | {"gbps": 2 * 2**28 / copy["dfdx"] / 1e9}
    for name, ours, theirs in (
        ("exp 64M", lambda: big.exp(), lambda: t.exp()),
        ("gelu 64M", lambda: big.accurate_gelu(), lambda: torch.nn.functional.gelu(t)),
        ("softmax 64Kx1K", lambda: big.reshape((2**16, 2**10)).softmax(-1), lambda: t.view(2**16, 2**10).softmax(-1)),
    ):
        row = timed(ours, theirs if cuda else None, sync)
        rows[name] = row | {"share_of_copy_bandwidth": copy["dfdx"] / row["dfdx"]}
    rows["training step"] = timed(trainer(dev), torch_trainer(torch) if cuda else None, sync, 200)
    return {"ok": True, "rows": rows}


def torch_trainer(torch: Any) -> Callable[[], Any]:
    """The step of `trainer` in PyTorch."""
    model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)).cuda()
    opt = torch.optim.Adam(model.parameters())
    x, y = torch.randn(64, 64, device="cuda"), torch.randn(64, 10, device="cuda")

    def step() -> Any:
        loss = torch.nn.functional.mse_loss(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return step


if __name__ == "__main__":
    sys.exit(main())
