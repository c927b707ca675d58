"""What a process costs: what `import dfdx` adds to `import numpy`, the time to the end of a first step, the memory of a large one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

__all__ = ["LIMIT", "measure_import", "measure_memory", "measure_start"]

LIMIT = 0.15  # seconds
_PROGRAM = """
import sys, time
start = time.perf_counter()
import numpy
middle = time.perf_counter()
import dfdx
end = time.perf_counter()
loaded = sorted(m for m in sys.modules if m.startswith("dfdx.backends.") or m.partition(".")[0] in ("llvmlite", "pyopencl", "cupy", "torch"))
import json
print(json.dumps({"numpy": middle - start, "dfdx": end - middle, "loaded": loaded}))
"""


def measure_import(runs: int = 5) -> dict[str, Any]:
    """{"numpy", "dfdx": seconds, the least of `runs` processes; "loaded": backends and their libraries found in `sys.modules`}."""
    found = [json.loads(_run(_PROGRAM, _environment())) for _ in range(runs)]
    return {
        "numpy": min(f["numpy"] for f in found),
        "dfdx": min(f["dfdx"] for f in found),
        "loaded": found[0]["loaded"],
    }


_FIRST_STEP = """
{imports}
import time
start = time.perf_counter()
from dfdx.bench import eager, steps
print(time.perf_counter() - start)
work = steps.{library}_step(**eager.README)
work.run()
work.finish()
"""
_IMPORTS = {
    "dfdx": "import dfdx; from dfdx import losses, nn, optim",
    "jax": "import jax, jax.numpy",
    "torch": "import torch",
}


def measure_start(names: tuple[str, ...], runs: int = 3) -> dict[str, float]:
    """Least seconds from a new process to the end of the first README step, by library; "dfdx, cold" has an empty kernel cache.

    What this package's own benchmarks take to import is nobody's cost: each process tells it, and it is taken off.
    """
    found: dict[str, list[float]] = {}
    for _ in range(runs):
        for name in names:
            found.setdefault(name, []).append(_process(name, _environment()))
        with tempfile.TemporaryDirectory() as folder:
            cold = _environment(XDG_CACHE_HOME=folder, DFDX_CACHE=folder)
            found.setdefault("dfdx, cold", []).append(_process("dfdx", cold))
    return {name: min(seconds) for name, seconds in found.items()}


def _process(library: str, environment: dict[str, str]) -> float:
    program = _FIRST_STEP.format(imports=_IMPORTS[library], library=library)
    start = time.perf_counter()
    own = float(_run(program, environment))
    return time.perf_counter() - start - own


def _environment(**changes: str) -> dict[str, str]:
    """Bytecode is written: installed packages come with it, so a source tree must not be compiled at each start."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | changes


def _run(program: str, environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True)
    return done.stdout


_STEPS = """
from dfdx.bench.models import BLOCK
from dfdx.bench.steps import dfdx_step, torch_step
{imports}
def kilobytes(which):
    return int(next(l for l in open("/proc/self/status") if l.startswith(which)).split()[1])
before = kilobytes("VmRSS")
work = {make}
for _ in range(5):
    work.run()
print(kilobytes("VmHWM") - before)
"""
_MAKERS = {
    "dfdx": ("", "dfdx_step(**BLOCK)"),
    "dfdx, captured": ("", "dfdx_step(**BLOCK, captured=True)"),
    "torch": ("import torch", "torch_step(**BLOCK)"),
}


def measure_memory(names: tuple[str, ...]) -> dict[str, float]:
    """MB that five transformer steps need at most, beyond what the process had after its imports; {} where the system does not tell."""
    if not os.path.exists("/proc/self/status"):
        return {}
    found = {}
    for name in names:
        imports, make = _MAKERS[name]
        program = _STEPS.format(imports=imports, make=make)
        found[name] = int(_run(program, _environment())) / 1000
    return found
