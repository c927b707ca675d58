"""Judge the CUDA device on a machine with a GPU, beside PyTorch, and write one JSON report.

    python tools/gpu_check.py [--device cuda] [--level standard] [--parts demo,speed] [--out gpu_report.json]

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

import dfdx
from dfdx import losses, nn, optim
from dfdx.bench.cuda import cuda_torch, run

Report = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--level", default="standard", choices=("quick", "standard", "exhaustive"))
    parser.add_argument("--scale", type=float, default=1.0, help="of the benchmarks' large sizes")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each benchmark")
    parser.add_argument("--parts", default="", help="only these, separated by commas")
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
        "graphs": lambda: graphs(dev),
        "speed": lambda: speed(dev, options.seconds, options.scale),
    }
    parts = {name: part for name, part in parts.items() if not options.parts or name in options.parts.split(",")}
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

    def train(found: list[float], seed: int) -> None:
        step = trainer(dfdx.device(dev.name, seed=seed))
        for _ in range(200):
            loss = step()
        found.append(loss.item())

    alone: list[float] = []
    for seed in (1, 2):
        train(alone, seed)
    together: list[list[float]] = [[], []]
    workers = [threading.Thread(target=train, args=(together[i], i + 1)) for i in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return {"ok": [t[0] for t in together] == alone, "alone": alone, "together": together}


def graphs(dev: dfdx.Device) -> Report:
    """A captured step, which replays CUDA graphs, gives the numbers of the eager one, bit for bit."""

    def losses_of(wrap: Callable[[Any], Any]) -> list[float]:
        step = wrap(trainer(dfdx.device(dev.name, seed=1)))
        return [step().item() for _ in range(20)]

    eager, captured = losses_of(lambda step: step), losses_of(dfdx.capture)
    return {"ok": eager == captured, "eager": eager[-1], "captured": captured[-1], "memory": dev.memory_stats()}


def speed(dev: dfdx.Device, seconds: float, scale: float) -> Report:
    """The rows of `python -m dfdx.bench.cuda`, beside PyTorch where it sees the GPU."""
    torch = cuda_torch()
    rows = dict(run(dev, torch, seconds, scale))
    return {"ok": True, "peer": f"torch {torch.__version__}" if torch else None, "rows": rows}


if __name__ == "__main__":
    sys.exit(main())
