"""Every block of docs/write-a-backend.md is run, in order, in a clean environment."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "write-a-backend.md"
BLOCK = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Reader:
    """Someone who follows the page: a folder, and what they see."""

    def __init__(self, clean, folder):
        self.clean, self.folder, self.seen, self.scope = clean, folder, [], {"__name__": "page"}
        self.prelude = f"""set -eu
export PATH={shlex.quote(str(clean.python.parent))}:$PATH DFDX_BLOCK=torch,jax
unset PYTHONPATH
pip() {{ {shlex.quote(sys.executable)} -m pip --python {shlex.quote(str(clean.python))} "$@" -q --no-deps --no-build-isolation; }}
"""

    def bash(self, text, title):
        script = self.prelude + text + f"\npwd > {shlex.quote(str(self.clean.python.parent / 'pwd'))}\n"
        done = subprocess.run(["bash", "-c", script], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, text + done.stdout[-3000:] + done.stderr[-3000:]
        self.folder = Path((self.clean.python.parent / "pwd").read_text().strip())
        self.seen.append(done.stdout)

    def python(self, text, title):
        if title:
            assert (self.folder / title).parent.is_dir()
            (self.folder / title).write_text(text)
        else:
            exec(compile(text, str(PAGE), "exec"), self.scope)

    def toml(self, text, title):
        written = tomllib.loads((self.folder / "pyproject.toml").read_text())
        assert tomllib.loads(text)["project"]["entry-points"] == written["project"]["entry-points"]


@pytest.fixture(scope="module")
def reader(clean, tmp_path_factory):
    found = Reader(clean, tmp_path_factory.mktemp("guide"))
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert len(blocks) > 15 and "```" not in BLOCK.sub("", PAGE.read_text("utf-8"))
    for language, title, text in blocks:
        getattr(found, language)(text, title)
    return found


def test_the_first_hour(reader):
    assert re.search(r"acme +ready +dfdx-acme 0\.1\.0", reader.seen[0]) and "\nCONFORMING" in reader.seen[0]


def test_the_wrong_product_is_caught_and_shown_as_a_program(reader):
    wrong, right = (t for t in reader.seen if "level standard, only matmul" in t)
    assert "NOT CONFORMING" in wrong and "matmul" in wrong and "f16" in wrong and "exit status 1" in wrong
    assert "\nCONFORMING" in right and "dfdx_acme.matmul.matmul" in right
    program = wrong[wrong.index("import numpy as np\n") :].partition("exit status")[0]
    shown = reader.clean.run("-c", program)
    assert "device:" in shown and "expected:" in shown


def test_the_fused_kernel_goes_first(reader):
    text = next(t for t in reader.seen if "log_softmax on acme" in t)
    assert text.index("dfdx_acme.fused.log_softmax") < text.index("row kernel") and "\nCONFORMING" in text


def test_the_tests_of_the_plugin_pass(reader):
    assert re.search(r"\d+ passed", reader.seen[-1]) and "conformance.html" in reader.seen[-1]


def test_every_hook_is_in_the_guide():
    from dfdx.core.plugins import hookspecs

    hooks = [n for n, f in vars(hookspecs).items() if hasattr(f, "dfdx_spec") and n != "register_ops"]
    assert len(hooks) == 8 and not [h for h in hooks if f"`{h}(" not in PAGE.read_text("utf-8")]
