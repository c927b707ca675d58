"""docs/add-an-op.md keeps its word: one line and one sample are an op, checked everywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "add-an-op.md"

AFTERWARDS = """
import numpy as np
from dfdx.conformance.coverage import uncovered

a = np.linspace(-3, 3, 13)
for name in ("f16", "bf16", "f32", "f64", "amp_f16"):
    t = dev.tensor(a).to_dtype(name)
    want = t.to_dtype("f64").array()
    np.testing.assert_allclose(t.softsign().to_dtype("f64").array(), want / (1 + abs(want)), rtol=2 * t.dtype.eps)
t = dev.tensor(a)
first = t.traced().softsign().sum().backward(retrace=True).get(t)
np.testing.assert_allclose(first.array(), (1 + abs(a)) ** -2)
np.testing.assert_allclose(first.sum().backward().get(t).array(), -2 * np.sign(a) * (1 + abs(a)) ** -3)
assert (dfdx.device("null").zeros((2, 3)).softsign().shape, dfdx.softsign(dev.zeros((0, 3))).shape) == ((2, 3), (0, 3))
assert report["verdict"] == "conforming" and report["counts"]["pass"] > 30, report
assert not [u for u in uncovered() if "softsign" in u]
v = dev.tensor([3.0, 4.0]).traced()
np.testing.assert_allclose(cosine_similarity(v, v).backward().get(v).array(), 0, atol=1e-7)
"""


def test_the_page_adds_an_op():
    """In a process of its own: what it registers is for good."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in blocks[0].splitlines() if line.startswith("unary(")]) == 1
    run = subprocess.run([sys.executable, "-c", "\n".join([*blocks, AFTERWARDS])], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    printed = [
        line.split("# ", 1)[1].strip()
        for b in blocks
        for line in b.splitlines()
        if line.startswith("print") and "# " in line
    ]
    for line in printed:
        assert line in run.stdout, (line, run.stdout)
