"""`DFDX_CHECK=1`: kernels check every address; the fuzz tests run so once, and a kernel that errs is stopped."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dfdx.backends.cpu.native.layout import usable

pytestmark = pytest.mark.skipif(not usable(), reason="no llvmlite here")
HERE = Path(__file__).parent
_ERRING = """
import numpy as np
from dfdx.backends.cpu.native.kernel import ArrayType, Context, Entry, assemble, make_kernel, task_function
b = task_function("body")
context = Context(b, 2, 0)
x = b.load(b.at(context.arrays[0], 8, "float"), "float")  # the ninth of eight
b.store(x, context.arrays[1])
b.ret()
text = assemble(Entry(1, [], [None], ["body"]), b)
eight = ArrayType((8,), np.dtype(np.float32))
kernel = make_kernel(text, "erring", [eight], [eight], 0, print, tasks=1, grain=1)
kernel(np.zeros(8, np.float32))
print("not stopped")
"""


def _checked(*command: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "DFDX_CHECK": "1"}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=env, cwd=HERE.parents[1])


def test_fuzz_tests_with_bounds_checks():
    files = [str(HERE / f"test_{name}.py") for name in ("views", "conv", "products", "reduce", "along")]
    out = _checked("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files)
    assert out.returncode == 0, out.stdout[-3000:]


def test_a_kernel_that_leaves_its_array_is_stopped():
    out = _checked("-c", _ERRING)
    assert out.returncode == -signal.SIGABRT, out.stdout + out.stderr
