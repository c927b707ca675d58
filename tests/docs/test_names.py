"""The names in the pages for newcomers exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dfdx

DOCS = Path(__file__).resolve().parents[2] / "docs"
HOMES = {
    "dfdx": dfdx, "nn": dfdx.nn, "optim": dfdx.optim, "losses": dfdx.losses, "data": dfdx.data, "x": dfdx.Tensor, "dev": dfdx.Device,
    "model": dfdx.nn.Module, "grads": dfdx.Gradients, "opt": dfdx.optim.Optimizer,
}  # fmt: skip


@pytest.mark.parametrize("page", ["from-rust", "from-pytorch"])
def test_names_exist(page):
    found = []
    for line in (DOCS / f"{page}.md").read_text(encoding="utf-8").splitlines():
        cells = line.split(" | ")
        if line.startswith("|") and len(cells) > 1:
            found += re.findall(r"\b(dfdx|nn|optim|losses|data|x|dev|model|grads|opt)\.(\w+)", cells[-1])
    missing = sorted(
        {f"{home}.{name}" for home, name in found if name != "safetensors" and not hasattr(HOMES[home], name)}
    )
    assert len(found) > 20 and not missing


def test_no_name_of_the_rust_library_is_missing():
    """tests/docs/rust_names.txt lists them; each stands in the first column of a table."""
    listed = [line for line in (Path(__file__).parent / "rust_names.txt").read_text().splitlines() if line[:1] != "#"]
    rows = [r.split(" | ")[0] for r in (DOCS / "from-rust.md").read_text(encoding="utf-8").splitlines() if r[:1] == "|"]
    shown = set(re.findall(r"\w+", "\n".join(rows)))
    assert not [name for name in " ".join(listed).split() if name not in shown]
