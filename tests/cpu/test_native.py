"""Machine code on the CPU: what it does with every layout, size and type, and who owns memory."""

import gc
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dfdx
from dfdx.backends.cpu.native.layout import usable

needs_native = pytest.mark.skipif(not usable(), reason="no llvmlite here")


@pytest.fixture
def dev():
    return dfdx.device("cpu")


def _run(code: str, **env: str) -> str:
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **env})
    assert out.returncode == 0, out.stderr
    return out.stdout


@given(st.integers(1, 300), st.sampled_from(["f32", "f64", "f16", "bf16", "i8", "u16", "i32", "i64"]))
@settings(max_examples=60, deadline=None)
def test_any_length_of_any_dtype(n, name):
    dtype = dfdx.core.dtypes.DTYPES[name]
    rng = np.random.default_rng(n)
    x, y = (rng.integers(-4, 5, n) if dtype.kind != "uint" else rng.integers(0, 9, n) for _ in range(2))
    x, y = x.astype(dtype.numpy), y.astype(dtype.numpy)
    dev = dfdx.device("cpu")
    a, b = dev.tensor(x), dev.tensor(y)
    assert np.array_equal((a * b + a).array(), x * y + x)
    assert np.array_equal((a < b).array(), x < y)


@needs_native
def test_a_kernel_survives_whatever_it_is_given(dev):
    a = dev.ones((8, 8))
    (a + a).array()
    plan = next(
        p for key, p in dev.plans.items() if getattr(key[0], "name", "") == "add" and p.inputs[0].shape == (8, 8)
    )
    good = np.ones((8, 8), np.float32)
    odd = [
        None,
        1.5,
        "x",
        [1, 2],
        object(),
        np.ones(3, np.float32),
        np.ones((8, 8)),
        np.ones((8, 8), ">f4"),
        np.float32(1),
        b"1" * 256,
    ]
    for x in odd:
        for args in ((good, x), (x, good), (x,), (), (good, good, x)):
            try:
                plan.kernel(*args)
            except (TypeError, ValueError, AttributeError):
                continue
    strided = np.ones((16, 16), np.float32)[::2, ::2]
    assert np.array_equal(plan.kernel(strided, good.T), good + good)
    buffer = np.zeros(8 * 8 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(8, 8)  # not aligned
    assert np.array_equal(plan.kernel(buffer, good), good)


@needs_native
def test_memory_goes_back_only_when_nobody_sees_it(dev):
    dev.empty_cache()
    t = dev.ones((64, 64)) + dev.ones((64, 64))
    view = np.asarray(t)
    row, address = view[3], view.ctypes.data
    del t, view
    gc.collect()
    other = [dev.ones((64, 64)) * 3.0 for _ in range(4)]
    assert all(o.storage.ctypes.data != address for o in other)
    assert np.array_equal(row, np.full(64, 2, np.float32))
    before = dev.memory_stats()
    assert before["in_use"] > 0
    del row, other
    gc.collect()
    after = dev.memory_stats()
    assert after["in_use"] < before["in_use"]
    assert after["cached"] > before["cached"]
    dev.empty_cache()
    assert dev.memory_stats()["cached"] == 0


@needs_native
def test_the_pool_can_be_switched_off(dev):
    dev.disable_cache()
    try:
        t = dev.ones((1000,)) + 1.0
        del t
        assert dev.memory_stats()["cached"] == 0
    finally:
        dev.enable_cache()


_DIGEST = """
import dfdx, numpy as np, hashlib
dev = dfdx.device("cpu", seed=3)
x = dev.sample_normal((1000, 700))
h = hashlib.sha256()
for y in (x.tanh(), x.exp() * x, x.softmax(-1), x.sum(), x.sum(0), x.sum(1), x.max(0), x.gelu(), x.normalize(-1), x.normalize(0)):
    h.update(np.ascontiguousarray(y.array()).tobytes())
print(h.hexdigest())
"""


def test_results_do_not_depend_on_the_number_of_threads():
    assert len({_run(_DIGEST, DFDX_NUM_THREADS=str(n)) for n in (1, 2, 8)}) == 1


def test_without_machine_code_everything_works():
    code = "import sys; sys.modules['llvmlite'] = None\nimport dfdx\ndev = dfdx.device('cpu')\nprint((dev.ones((3,)) + 1.0).tolist(), dev.memory_stats())"
    assert _run(code).strip() == "[2.0, 2.0, 2.0] {}"


@needs_native
def test_code_is_cached_on_disk_and_a_damaged_file_is_compiled_anew(tmp_path):
    code = "import dfdx; dev = dfdx.device('cpu'); print((dev.ones((5,)) * 2.0).tolist())"
    want = _run(code, DFDX_CACHE=str(tmp_path))
    files = sorted((tmp_path / "cpu").iterdir())
    assert files
    for f in files:
        f.write_bytes(f.read_bytes()[:-7] + b"garbage")
    assert _run(code, DFDX_CACHE=str(tmp_path)) == want
    assert sorted((tmp_path / "cpu").iterdir()) == files


@needs_native
def test_a_forked_child_computes_with_its_own_threads(dev):
    code = """
import os, numpy as np, dfdx
dev = dfdx.device("cpu")
x = dev.ones((1000, 1000))
(x + x).array()
child = os.fork()
if child == 0:
    os._exit(0 if (x.exp() + x).array()[0, 0] > 3 else 1)
print(os.waitpid(child, 0)[1])
"""
    assert _run(code, DFDX_NUM_THREADS="4").strip() == "0"


@pytest.mark.parametrize("shape", [(5,), (3, 5000), (8, 128, 256), (131101,), (1 << 21,)], ids=str)
def test_one_row_without_reductions_is_cut_into_pieces(dev, shape):
    rng = np.random.default_rng(1)
    y, target = (rng.standard_normal(shape, np.float32) for _ in range(2))
    x = dev.tensor(y)
    grads = dfdx.Gradients((x,))
    dfdx.losses.mse_loss(x.traced(grads), dev.tensor(target)).backward()
    want = 2.0 / y.size * (y.astype(np.float64) - target)
    np.testing.assert_allclose(grads.get(x).array(), want, 3e-7, 0)
