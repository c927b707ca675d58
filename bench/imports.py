"""What `import dfdx` adds to `import numpy`, in fresh processes that take turns, and that it loads no backend."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

__all__ = ["LIMIT", "measure_import"]

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
    found = [
        json.loads(subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, check=True, text=True).stdout)
        for _ in range(runs)
    ]
    return {
        "numpy": min(f["numpy"] for f in found),
        "dfdx": min(f["dfdx"] for f in found),
        "loaded": found[0]["loaded"],
    }
