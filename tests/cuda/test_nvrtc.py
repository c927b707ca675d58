"""CUDA kernels compile with NVRTC, which needs no GPU, no driver and no toolkit.

Every kernel in f32, bf16, i32 and bool goes through the front end; the main ones become machine code for three architectures.
DFDX_TEST_NVRTC=all compiles every kernel in every dtype for all three (some twenty minutes).
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("cuda.bindings", reason='pip install "dfdx[nvrtc]"')
_spec = importlib.util.spec_from_file_location("cuda_sources", Path(__file__).with_name("sources.py"))
sources = sys.modules["cuda_sources"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sources)

ARCHITECTURES = ("sm_80", "sm_90", "sm_120")
MAIN = (
    "add",
    "accurate_gelu",
    "softmax",
    "layer_norm",
    "sum",
    "matmul",
    "conv2d",
    "gather",
    "scatter_add",
    "pool2d",
    "sample_normal",
)
EVERYTHING = os.environ.get("DFDX_TEST_NVRTC") == "all"


@pytest.fixture(scope="module")
def kernels():
    found = sources.collect(tuple(sources.STORED) if EVERYTHING else ("f32", "bf16", "i32", "bool"))
    assert len(found) > 500
    return found


def test_every_kernel_passes_the_front_end(kernels):
    for arch in ARCHITECTURES if EVERYTHING else ("compute_90",):
        code, _ = sources.nvrtc(sources.joined(kernels), arch)
        assert code


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_main_kernels_become_machine_code(arch, capsys):
    found = sources.collect(("f32",), MAIN)
    code, log = sources.nvrtc(sources.joined(found), arch, verbose=True)
    assert code.startswith(b"\x7fELF")
    spills = [int(n) for n in re.findall(r"(\d+) bytes spill stores", log)]
    used = re.findall(r"Compiling entry function '(\w+)'.*?Used (\d+) registers", log, re.S)
    assert len(used) == len(found)
    with capsys.disabled():
        worst = sorted(((int(n), name) for name, n in used), reverse=True)[:5]
        print(f"\n{arch}: {len(used)} kernels, {sum(s > 0 for s in spills)} spill; most registers: {worst}")
    assert sum(s > 0 for s in spills) <= len(spills) // 10


def test_a_planted_error_is_found(kernels):
    broken = kernels[0]._replace(text=kernels[0].text.replace(";", "; undeclared_name += 1;", 1))
    with pytest.raises(RuntimeError, match="undeclared_name"):
        sources.nvrtc(sources.joined([kernels[1], broken]), "sm_90")
