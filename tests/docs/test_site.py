"""The documentation builds without a warning: every link leads somewhere, every generated page is made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason='pip install "dfdx[docs]"')
ROOT = Path(__file__).resolve().parents[2]


def test_the_site_builds_strictly(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        capture_output=True, text=True, cwd=ROOT, env=os.environ | {"DFDX_DOCS_RUN": "0", "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for page in ("index", "tape/index", "tutorial/04_tape/index", "reference/dfdx-nn/index", "reports/index"):
        assert (tmp_path / f"{page}.html").exists()
    assert "with_empty_tape" in (tmp_path / "reference/dfdx/index.html").read_text(encoding="utf-8")
