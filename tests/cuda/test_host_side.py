"""What the CUDA backend computes before it calls CUDA: argument blocks and the arguments of cuBLAS."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dfdx
from dfdx.backends.clike.array import Array, dense_strides
from dfdx.backends.clike.engine import Launch, Source
from dfdx.backends.cuda.arguments import Arguments
from dfdx.backends.cuda.gemm import Product, compute_of, plan


def _launch(scalars, numbers):
    return Launch(Source("k", "", (256, 1, 1), scalars), (1, 1, 1), numbers)


def _what_the_driver_reads(arguments, ctypes_types):
    """The values behind the array of addresses, read as a kernel would read its parameters."""
    addresses = (ctypes.c_void_p * len(ctypes_types)).from_address(arguments.address)
    return [t.from_address(a) for a, t in zip(addresses, ctypes_types, strict=True)]


def test_arguments_lie_where_the_driver_reads_them():
    scalars = (dfdx.f32, dfdx.i8, dfdx.u64, dfdx.bool, dfdx.f64, dfdx.bf16)
    arguments = Arguments(_launch(scalars, (7, -8)), 2)
    arguments.fill([2**40 + 1, 5], [0.5, -3, 2**63, True, 1e300, 1.5], [11, 12])
    types = [ctypes.c_uint64] * 2 + [
        ctypes.c_float,
        ctypes.c_int8,
        ctypes.c_uint64,
        ctypes.c_int32,
        ctypes.c_double,
        ctypes.c_float,
    ]
    *values, struct = _what_the_driver_reads(arguments, [*types, ctypes.c_int64 * 4])
    assert [v.value for v in values] == [2**40 + 1, 5, 0.5, -3, 2**63, 1, 1e300, 1.5]
    assert list(struct) == [11, 12, 7, -8]


def test_numbers_out_of_range_wrap_or_overflow():
    arguments = Arguments(_launch((dfdx.i8, dfdx.f32, dfdx.u32), ()), 0)
    arguments.fill([], [200, 1e300, -1], [])
    i, f, u = _what_the_driver_reads(arguments, [ctypes.c_int8, ctypes.c_float, ctypes.c_uint32, ctypes.c_int64])[:3]
    assert (i.value, f.value, u.value) == (-56, float("inf"), 2**32 - 1)


def _gemm(p: Product, a, b, a_offset, b_offset):
    """gemmStridedBatchedEx as its documentation defines it, on flat arrays in column-major order."""
    out = np.zeros((p.batch, p.m * p.n))
    for z in range(p.batch):
        for j in range(p.n):
            for i in range(p.m):
                total = 0.0
                for q in range(p.k):
                    f, s = p.first, p.second
                    x = b[b_offset + z * f.step + (i + q * f.ld if f.op == 0 else q + i * f.ld)]
                    y = a[a_offset + z * s.step + (q + j * s.ld if s.op == 0 else j + q * s.ld)]
                    total += x * y
                out[z, i + j * p.m] = total
    return out


@st.composite
def matrices(draw):
    """(array, NumPy twin) of the shape (*batch, rows, columns) under a random layout."""

    def one(batch, rows, columns):
        order = draw(st.permutations(range(len(batch) + 2))) if draw(st.booleans()) else range(len(batch) + 2)
        shape = (*batch, rows, columns)
        repeated = [draw(st.booleans()) and i < len(batch) for i in range(len(shape))]
        stored = [1 if r else n for r, n in zip(repeated, shape)]
        buffer = np.arange(1.0, 1.0 + 3 + int(np.prod(stored)) * 2)
        extra = draw(st.integers(0, 1))  # a gap at the end of each innermost run
        steps, step = [0] * len(shape), 1
        for i in reversed(order):
            steps[i] = 0 if repeated[i] or shape[i] == 1 else step
            step *= stored[i] + (extra if i == order[-1] and stored[i] > 1 else 0)
        size = 2 + sum(s * (n - 1) for s, n in zip(steps, shape)) + 1
        buffer = np.arange(1.0, 1.0 + size)
        twin = np.lib.stride_tricks.as_strided(buffer[2:], shape, [s * 8 for s in steps])
        return Array(buffer, 2, shape, tuple(steps), dfdx.f64), twin

    dim = st.integers(1, 3)
    batch = tuple(draw(st.lists(st.integers(1, 2), max_size=2)))
    m, k, n = draw(dim), draw(dim), draw(dim)
    return one(batch, m, k), one(batch, k, n)


@settings(max_examples=300, deadline=None)
@given(matrices())
def test_a_plan_multiplies_or_asks_for_a_copy(pair):
    (a, x), (b, y) = pair
    p = plan(a.shape, a.strides, b.shape, b.strides)
    if isinstance(p, str):
        if p in ("a", "both"):
            a = Array(
                np.concatenate([[0, 0], np.ascontiguousarray(x).ravel()]), 2, a.shape, dense_strides(a.shape), dfdx.f64
            )
        if p in ("b", "both"):
            b = Array(
                np.concatenate([[0, 0], np.ascontiguousarray(y).ravel()]), 2, b.shape, dense_strides(b.shape), dfdx.f64
            )
        p = plan(a.shape, a.strides, b.shape, b.strides)
        assert isinstance(p, Product), "a dense operand needs no further copy"
    for operand, inner in ((p.first, (p.m, p.k)), (p.second, (p.k, p.n))):
        assert operand.ld >= max(1, inner[operand.op]), "cuBLAS refuses a leading dimension below the rows"
    np.testing.assert_array_equal(_gemm(p, a.buffer, b.buffer, 2, 2).reshape(x.shape[:-1] + y.shape[-1:]), x @ y)


def test_transposed_operands_are_not_copied():
    p = plan((64, 32), (32, 1), (32, 16), (1, 32))
    assert isinstance(p, Product) and (p.first.op, p.second.op) == (1, 0)


@pytest.mark.parametrize(("dtype", "tf32", "code"), [(dfdx.f32, False, 68), (dfdx.f32, True, 77), (dfdx.f64, True, 70),
                                                    (dfdx.f16, True, 68), (dfdx.amp_bf16, False, 68)])  # fmt: skip
def test_precision_is_the_users_choice(dtype, tf32, code):
    assert compute_of(dtype, tf32) == code


def test_without_a_gpu_the_state_says_so():
    row = next(r for r in dfdx.devices() if r.name == "cuda")
    if row.state == "ready":
        return
    assert row.state == "unavailable" and row.reason and row.hint
    with pytest.raises(dfdx.BackendUnavailable, match="cuda"):
        dfdx.device("cuda")


def test_the_check_for_a_gpu_ends_honestly(tmp_path):
    import json
    import subprocess
    import sys
    from pathlib import Path

    if next(r for r in dfdx.devices() if r.name == "cuda").state == "ready":
        pytest.skip("there is a GPU: run the script itself")
    script = Path(__file__).resolve().parents[2] / "tools" / "gpu_check.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path)
    report = json.loads((tmp_path / "gpu_report.json").read_text())
    assert done.returncode == 0 and report["verdict"] == "unavailable" and report["reason"] in done.stdout
