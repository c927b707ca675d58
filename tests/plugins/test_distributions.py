"""The example plugins as strangers would have them: wheels in a clean environment, judged there by the kit."""

from __future__ import annotations

import importlib.util

import pytest

# what a test needs not wait for: jax compiles each kernel once, and all of them are small
FAST_JAX = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"}


def conforms(reports):
    for report in reports:
        bad = [(f["name"], f["dtype"], f["sample"], f["check"], f["detail"]) for f in report["failures"]]
        assert report["verdict"] == "conforming", bad[:10]
        assert sum(report["counts"].values()) > 50 and all(f["reason"] for f in report["expected"])


def test_everything_comes_from_wheels(clean):
    code = "import dfdx, dfdx_hadamard; print(dfdx.__file__, dfdx_hadamard.__file__); print(*[r.name for r in dfdx.devices()])"
    files, names = clean.run("-c", code, DFDX_BLOCK="torch,jax").splitlines()
    assert all(str(clean.site) in f for f in files.split()) and {"torch", "jax"} <= set(names.split())


def test_torch_conforms(clean):
    pytest.importorskip("torch")
    conforms(clean.judged_in_parts("torch"))


@pytest.fixture(scope="module")
def with_jax(clean):
    """The environment with JAX: this interpreter's, or installed there."""
    if importlib.util.find_spec("jax") is None:
        clean.pip("--python", clean.python, "install", "-q", "jax>=0.8")
    return clean


def test_jax_conforms(with_jax):
    conforms(with_jax.judged_in_parts("jax", **FAST_JAX))


def test_jax_leaves_the_programs_own_jax_alone(with_jax):
    code = """
import jax.numpy as jnp, dfdx
dev = dfdx.device("jax")
x = dev.tensor([1.0, 2.0], dfdx.f64)
assert x.storage.dtype == "float64" and (x * 2.0).storage.dtype == "float64"
assert jnp.ones(2).dtype == "float32" and jnp.asarray([1.0]).dtype == "float32"
assert dev.tensor([1.0, 2.0]).gather(dev.tensor([1, 5])).tolist() == [2.0, 0.0]
print("ok")
"""
    assert with_jax.run("-c", code) == "ok\n"
    refused = (
        "import dfdx; d = dfdx.device('jax')\ntry: d.ones((2,)).gather(d.tensor([5]))\nexcept IndexError as e: print(e)"
    )
    assert "index 5 is out of range" in with_jax.run("-c", refused, DFDX_CHECK="1")


def test_torch_device_names(clean):
    pytest.importorskip("torch")
    code = """
import dfdx
a, b = dfdx.device("torch:cpu"), dfdx.device("torch")
print(a.ones((2,)).storage.device, b.name)
for name in ("torch:meta", "torch:nonsense", "torch:7"):
    try: dfdx.device(name)
    except dfdx.BackendUnavailable as e: print(e)
"""
    lines = clean.run("-c", code).splitlines()
    assert lines[0] == "cpu torch" and len(lines) == 4
    assert "no values" in lines[1] and "'nonsense'" in lines[2] and "torch has" in lines[3]


@pytest.mark.parametrize("device", ["cpu", "torch"])
def test_an_op_of_a_third_distribution(clean, device):
    """On the CPU its kernel goes first, elsewhere its body; the kit reports it beside the ops of dfdx."""
    if device != "cpu":
        pytest.importorskip(device)
    report = clean.judged(device, "--only", "hadamard")
    conforms([report])
    (row,) = report["entries"]
    assert (
        row["name"] == "hadamard"
        and row["family"] == "transform"
        and row["path"] == {"cpu": "kernel", "torch": "composite"}[device]
    )
    text = clean.run("-m", "dfdx", "explain", "hadamard", "--device", device)
    assert ("dfdx_hadamard.plugin.cpu_kernel" in text) == (device == "cpu") and "composite body" in text


def test_an_op_that_is_not_installed(clean):
    code = "import dfdx\ntry: dfdx.device('cpu').ones((4,)).hadamard()\nexcept AttributeError as e: print(e)"
    assert "blocked: named in DFDX_BLOCK" in clean.run("-c", code, DFDX_BLOCK="hadamard")
