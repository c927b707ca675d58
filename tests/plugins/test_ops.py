"""Third-party ops: when they are loaded, what they may bring, and what happens when they are wrong."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

import dfdx
from dfdx.core.ops._define import FUNCTIONS
from dfdx.core.plugins.hookspecs import OPS_GROUP
from dfdx.core.plugins.host import Host, State
from dfdx.core.registry import OPS

HEAD = textwrap.dedent("""
    from dfdx.core.contract import *
    x = arg(0)
    MISH = Elementwise("mish_x", x * expr.functions.tanh(expr.functions.softplus(x)), 1, family="plugin", doc="x tanh(softplus(x)).")
    def mish_x(x):
        "x tanh(softplus(x))."
        return apply(MISH, (as_tensor("mish_x", x),))
    @hookimpl
    def register_ops(registry):
""")
GOOD = HEAD + "    registry.op(MISH, mish_x)\n"
WITH_KERNEL = GOOD + "    registry.kernel('mish_x', device='cpu')(lambda a: a * 0 + 42)\n"


@pytest.fixture
def fresh(install, monkeypatch):
    """fresh(source, ...) installs an op plugin and makes a new host the one of this process; its ops are gone afterwards."""
    before, functions, attributes = dict(OPS), dict(FUNCTIONS), set(vars(dfdx.Tensor))

    def make(source, name="mish", **options):
        install(name, source, group=OPS_GROUP, **options)
        host = Host()
        monkeypatch.setattr("dfdx.core.plugins.host._host", [host])
        monkeypatch.setattr("dfdx.core.device._shared", {})
        return host

    monkeypatch.setenv("DFDX_BLOCK", "torch,jax,hadamard")
    yield make
    for table, kept in ((OPS, before), (FUNCTIONS, functions)):
        for name in set(table) - set(kept):
            del table[name]
    for name in set(vars(dfdx.Tensor)) - attributes:
        delattr(dfdx.Tensor, name)


def test_loaded_when_a_name_is_missing(fresh):
    host = fresh(GOOD)
    assert "mish_x" not in OPS
    x = dfdx.device("cpu").tensor([-1.0, 0.5, 2.0], dfdx.f64)
    assert "mish_x" not in OPS  # a device and a tensor load none
    y = x.mish_x()
    assert {r.name: r.state for r in host.op_records}["mish"] is State.READY
    assert dfdx.mish_x(x).tolist() == y.tolist() and OPS["mish_x"].package == "dist-mish 1.0"
    h = x.array()
    np.testing.assert_allclose(y.array(), h * np.tanh(np.log1p(np.exp(h))), rtol=1e-14)


def test_its_gradient_is_that_of_torch(fresh):
    torch = pytest.importorskip("torch")
    fresh(GOOD)
    x = dfdx.device("cpu").tensor([-1.0, 0.5, 2.0], dfdx.f64)
    t = torch.tensor(x.array(), requires_grad=True)
    grads = x.traced().mish_x().sum().backward()
    torch.nn.functional.mish(t).sum().backward()
    np.testing.assert_allclose(grads.get(x).array(), t.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("opened_before", [True, False])
def test_a_kernel_for_one_backend(fresh, opened_before):
    host = fresh(WITH_KERNEL)
    if opened_before:
        dfdx.device("cpu")
    else:
        host.load_ops()
    assert dfdx.device("cpu").ones((2,)).mish_x().tolist() == [42.0, 42.0]
    assert not host.open("null").kernels.candidates("mish_x")


def test_a_backend_may_have_a_kernel_for_it(fresh, install):
    install(
        "gpu",
        textwrap.dedent("""
        from dfdx.core.contract import *
        @hookimpl
        def backend_info(): return BackendInfo((1, 0))
        @hookimpl
        def backend_probe(): return [DeviceInfo()]
        @hookimpl
        def backend_open(index, options): return object()
        @hookimpl
        def register_kernels(registry): registry.kernel("mish_x")(lambda a: a)
    """),
    )
    host = fresh(GOOD)
    assert host.open("gpu").record.state is State.PARTIAL and "mish_x" in OPS


WRONG = {
    "raises": ("    1/0", "register_ops: ZeroDivisionError"),
    "half_then_raises": ("    registry.op(MISH, mish_x); 1/0", "register_ops: ZeroDivisionError"),
    "not_a_spec": ("    registry.op('mish')", "op() takes an OpSpec, not str"),
    "twice": ("    registry.op(MISH); registry.op(MISH)", "op 'mish_x' is registered already"),
    "name_of_core": ("    MISH.name = 'softmax'; registry.op(MISH)", "op 'softmax' is registered already"),
    "name_of_a_tensors": ("    mish_x.__name__ = 'shape'; registry.op(MISH, mish_x)", "cannot be called 'shape': a tensor has that already"),
    "private_name": ("    mish_x.__name__ = '__add__'; registry.op(MISH, mish_x)", "cannot be called '__add__'"),
    "kernel_of_others": ("    registry.op(MISH); registry.kernel('softmax', device='cpu')(abs)", "a kernel for 'softmax', which is none of the ops registered here"),
    "kernel_not_callable": ("    registry.op(MISH); registry.kernel('mish_x', device='cpu')(7)", "not callable: 7"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ones_leave_nothing_behind(name, fresh):
    text, reason = WRONG[name]
    known, functions = set(OPS), set(FUNCTIONS)
    host = fresh(HEAD + text + "\n")
    x = dfdx.device("cpu").ones((2,))
    for owner in (x, dfdx):
        with pytest.raises(
            AttributeError, match="no attribute 'mish_x'.*; op plugin 'mish' of dist-mish 1.0 is failed"
        ) as caught:
            owner.mish_x
        assert reason in str(caught.value)
    assert set(OPS) == known and set(FUNCTIONS) == functions
    assert (x + 1.0).tolist() == [2.0, 2.0] and not host.open("cpu").kernels.candidates("mish_x")


def test_private_names_load_nothing(fresh):
    host = fresh(GOOD)
    x = dfdx.device("cpu").ones((2,))
    for name in ("__array_interface__", "_repr_svg_", "_ipython_display_"):
        assert not hasattr(x, name) and not hasattr(dfdx, name)
    assert all(r.state is not State.READY for r in host.op_records)


def test_other_majors_and_blocked_ones(fresh, monkeypatch):
    fresh("1/0", "old", dist="old")
    monkeypatch.setenv("DFDX_BLOCK", "mish")
    host = fresh(GOOD)
    records = {r.name: r for r in host.load_ops()}
    assert records["mish"].state is State.BLOCKED and records["old"].state is State.FAILED
    with pytest.raises(AttributeError, match="'mish' of dist-mish 1.0 is blocked: named in DFDX_BLOCK"):
        dfdx.mish_x


def test_samples_that_cannot_be_imported(fresh, monkeypatch):
    from dfdx.conformance.coverage import uncovered
    from dfdx.conformance.database import third_party

    monkeypatch.setattr(third_party, "REASONS", {})
    fresh(HEAD + "    registry.op(MISH, mish_x, infos='no_such_module:INFO')\n").load_ops()
    third_party.fill([OPS["mish_x"]])
    (line,) = [line for line in uncovered() if "mish_x" in line]
    assert "dist-mish 1.0 registers it with infos='no_such_module:INFO': ModuleNotFoundError" in line
