"""The host under attack: whatever a plugin does, the others work and the reason is remembered."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import dfdx
from dfdx.cli.devices import checked
from dfdx.core.plugins.hookspecs import GROUP
from dfdx.core.plugins.host import Host, State

HEAD = "from dfdx.core.contract import *\nimport numpy as np\n"
INFO = "@hookimpl\ndef backend_info(): return BackendInfo((1, 0))\n@hookimpl\ndef backend_probe(): return [DeviceInfo(0, 'fake')]\n@hookimpl\ndef backend_open(index, options): return object()\n"
FULL = (
    HEAD
    + INFO
    + "@hookimpl\ndef register_kernels(registry):\n    for op in PRIMITIVES: registry.kernel(op)(lambda *a, **k: None)\n"
)
HALF = HEAD + INFO + "@hookimpl\ndef register_kernels(registry):\n    registry.kernel('matmul')(np.matmul)\n"

# name: (source, state, what the reason must contain)
HOSTILE = {
    "import_error": ("import no_such_module", "failed", "import: ModuleNotFoundError"),
    "syntax_error": ("def", "failed", "import: SyntaxError"),
    "zero_division": ("1/0", "failed", "ZeroDivisionError"),
    "sys_exit": ("import sys; sys.exit(3)", "failed", "SystemExit: 3"),
    "generator_exit": ("raise GeneratorExit", "failed", "GeneratorExit"),
    "base_exception": ("class E(BaseException): pass\nraise E('odd')", "failed", "E: odd"),
    "recursion": ("def f(): f()\nf()", "failed", "RecursionError"),
    "memory": ("raise MemoryError('all gone')", "failed", "MemoryError"),
    "no_hooks": ("x = 1", "failed", "no hook implementations"),
    "unknown_hook": (FULL.replace("register_kernels", "register_kernals"), "failed", "unknown hook"),
    "extra_argument": (FULL.replace("(registry)", "(registry, extra)"), "failed", "PluginValidationError"),
    "newer_minor": (FULL.replace("(1, 0)", "(1, 9)"), "incompatible", "needs backend API (1, 9)"),
    "older_major": (FULL.replace("(1, 0)", "(0, 3)"), "incompatible", "needs backend API (0, 3)"),
    "no_info": (
        FULL.replace("def backend_info(): return BackendInfo((1, 0))", "def backend_info(): return None"),
        "failed",
        "BackendInfo",
    ),
    "info_is_a_string": (FULL.replace("return BackendInfo((1, 0))", "return 'hello'"), "failed", "not str"),
    "info_raises": (FULL.replace("return BackendInfo((1, 0))", "1/0"), "failed", "backend_info: ZeroDivisionError"),
    "no_hardware": (
        FULL.replace("return [DeviceInfo(0, 'fake')]", "raise BackendUnavailable('no card', 'buy one')"),
        "unavailable",
        "no card",
    ),
    "no_devices": (FULL.replace("return [DeviceInfo(0, 'fake')]", "return []"), "unavailable", "no device"),
    "probe_raises": (
        FULL.replace("return [DeviceInfo(0, 'fake')]", "raise OSError('driver')"),
        "failed",
        "backend_probe: OSError: driver",
    ),
    "probe_returns_ints": (
        FULL.replace("return [DeviceInfo(0, 'fake')]", "return [0]"),
        "failed",
        "list of DeviceInfo",
    ),
    "probe_returns_int": (FULL.replace("return [DeviceInfo(0, 'fake')]", "return 7"), "failed", "not int"),
    "open_returns_none": (FULL.replace("return object()", "return None"), "failed", "backend_open returned nothing"),
    "open_raises": (FULL.replace("return object()", "raise OSError('busy')"), "failed", "OSError: busy"),
    "open_unavailable": (
        FULL.replace("return object()", "raise BackendUnavailable('unplugged')"),
        "unavailable",
        "unplugged",
    ),
    "capabilities_raise": (FULL + "@hookimpl\ndef backend_capabilities(runtime): 1/0\n", "failed", "ZeroDivisionError"),
    "half_then_raises": (HALF + "    1/0\n", "failed", "register_kernels: ZeroDivisionError"),
    "unknown_op": (HALF.replace("'matmul'", "'matmull'"), "failed", "unknown op 'matmull'; did you mean 'matmul'?"),
    "registered_twice": (HALF + "    registry.kernel('matmul')(np.matmul)\n", "failed", "registered twice"),
    "not_callable": (HALF.replace("(np.matmul)", "(7)"), "failed", "not callable"),
    "half_the_kernels": (HALF, "partial", "missing empty, fill"),
    "no_kernels": (HEAD + INFO, "partial", "(19 primitives)"),
    "numpy_state": (FULL + "np.seterr(all='raise')\n", "ready", ""),
    "warning_filters": (FULL + "import warnings; warnings.simplefilter('error')\n", "ready", ""),
    "prints_rubbish": (FULL + "print('\\x1b[31m@{rubbish')\n", "ready", ""),
    "imports_dfdx": (FULL + "import dfdx; dfdx.device('cpu').ones((2,))\n", "ready", ""),
    "asks_for_itself": (FULL + "import dfdx\ntry: dfdx.devices()\nexcept Exception: pass\n", "ready", ""),
    "good": (FULL, "ready", ""),
}


@pytest.fixture
def install(tmp_path, monkeypatch):
    made = []

    def _install(name, source, dist=None, group=GROUP, value=None):
        dist = dist or f"dist-{name}"
        module = f"hostile_{dist.replace('-', '_')}_{name}"
        made.append(module)
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{dist.replace('-', '_')}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
        with open(info / "entry_points.txt", "a") as f:
            f.write(f"[{group}]\n{name} = {value or module}\n")
        importlib.invalidate_caches()
        return module

    monkeypatch.syspath_prepend(str(tmp_path))
    yield _install
    for m in made:
        sys.modules.pop(m, None)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_plugin(name, install):
    source, state, reason = HOSTILE[name]
    install("strange", source)
    errors, filters = np.geterr(), __import__("warnings").filters[:]
    host = Host()
    rows = {r.name: r for r in host.rows()}
    assert rows["strange"].state == state and reason in rows["strange"].reason, rows["strange"]
    assert np.geterr() == errors and __import__("warnings").filters == filters
    assert rows["cpu"].state is State.READY
    assert (dfdx.device("cpu").ones((2,)) + 1.0).tolist() == [2.0, 2.0]
    if state in ("ready", "partial"):
        assert host.open("strange").record is rows["strange"]
    else:
        texts = []
        for _ in range(2):  # the reason is repeated every time
            with pytest.raises(dfdx.DeviceError) as caught:
                host.open("strange")
            texts.append(str(caught.value))
        assert texts[0] == texts[1] and reason in texts[0]


def test_nothing_is_imported_until_asked(install):
    module = install("lazy", FULL)
    host = Host()
    assert module not in sys.modules and host.records["lazy"].state is State.FOUND
    host.open("lazy")
    assert module in sys.modules


def test_keyboard_interrupt_is_not_contained(install):
    install("stop", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Host().open("stop")


def test_other_major_is_refused_without_import(install):
    module = install("old", FULL, group="dfdx.backends.v0")
    host = Host()
    assert host.records["old"].state is State.INCOMPATIBLE and module not in sys.modules
    with pytest.raises(dfdx.DeviceError, match="built for dfdx.backends.v0"):
        host.open("old")


def test_duplicates_are_deterministic_and_shown(install, monkeypatch):
    install("gpu", FULL, dist="zeta")
    install("gpu", FULL, dist="alpha")
    host = Host()
    assert host.records["gpu"].dist == "alpha"
    (loser,) = [r for r in host.rows(probe=False) if r.state is State.SHADOWED]
    assert loser.dist == "zeta" and "already provided by alpha" in loser.reason and "DFDX_PREFER=gpu:zeta" in loser.hint
    monkeypatch.setenv("DFDX_PREFER", "gpu:zeta")
    assert Host().records["gpu"].dist == "zeta"


def test_a_built_in_name_is_not_shadowed_unless_preferred(install, monkeypatch):
    install("cpu", "1/0", dist="aaa")
    assert Host().records["cpu"].dist == "dfdx"
    monkeypatch.setenv("DFDX_PREFER", "cpu:aaa")
    assert Host().records["cpu"].dist == "aaa"


def test_two_entry_points_of_one_distribution(install):
    install("one", FULL, dist="both")
    install("two", "1/0", dist="both")
    states = {r.name: r.state for r in Host().rows()}
    assert states["one"] == "ready" and states["two"] == "failed"


def test_an_entry_point_to_nowhere(install):
    install("gone", FULL, value="no.such.module")
    install("attribute", FULL, value="os:no_such_attribute")
    states = {r.name: (r.state, r.reason) for r in Host().rows()}
    assert states["gone"][0] == "failed" and "AttributeError" in states["attribute"][1]


def test_allow_and_block_lists(install, monkeypatch):
    module = install("extra", FULL)
    monkeypatch.setenv("DFDX_BLOCK", "extra,,")
    assert "DFDX_BLOCK" in Host().records["extra"].reason
    monkeypatch.delenv("DFDX_BLOCK")
    monkeypatch.setenv("DFDX_PLUGINS", "cpu,cpu")
    host = Host()
    assert host.records["extra"].state is State.BLOCKED and host.records["cpu"].state is State.FOUND
    monkeypatch.setenv("DFDX_PLUGINS", "")
    assert {r.state for r in Host().records.values()} == {State.BLOCKED}
    assert module not in sys.modules


def test_strict_mode_raises(install, monkeypatch):
    install("broken", "1/0")
    monkeypatch.setenv("DFDX_PLUGINS_STRICT", "1")
    with pytest.raises(ZeroDivisionError):
        Host().open("broken")


def test_refresh_sees_new_plugins_and_keeps_used_ones(install):
    install("first", FULL)
    host = Host()
    opened = host.open("first")
    install("second", FULL)
    host.refresh()
    assert "second" in host.records and host.open("first") is opened


def test_a_failed_plugin_keeps_its_kernels_to_itself(install):
    install("half", HALF + "    1/0\n")
    host = Host()
    with pytest.raises(dfdx.DeviceError):
        host.open("half")
    assert not host._opened


def test_missing_primitives_name_op_and_device(install):
    install("thin", HALF)
    host = Host()
    opened = host.open("thin")
    from dfdx.core.device import Backend, Device

    with pytest.raises(dfdx.MissingKernelError, match=r"(?s)\[fill\].*thin"):
        Device(Backend("thin", opened)).zeros((2,))


def test_close_runs_in_reverse_order(install):
    log = "CLOSED = []\n@hookimpl\ndef backend_close(runtime): import builtins; builtins.__dict__.setdefault('_closed', []).append(__name__)\n"
    names = [install(n, FULL + log) for n in ("a1", "b2")]
    host = Host()
    host.open("a1"), host.open("b2")
    host.close()
    import builtins

    assert builtins.__dict__.pop("_closed") == names[::-1]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        ("import os; os._exit(7)", "exit status 7"),
        ("import time; time.sleep(60)", "no answer within"),
    ],
)
def test_check_survives_crashes_and_hangs(source, reason, install, tmp_path, monkeypatch):
    install("native", source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    row = checked(Host().records["native"], timeout=4.0)
    assert row["state"] == "failed" and reason in row["reason"] and "DFDX_BLOCK=native" in row["hint"]


def test_import_dfdx_survives_every_installed_plugin_and_loads_none(install, tmp_path):
    for name, (source, _, _) in HOSTILE.items():
        install(f"p_{name}", source)
    code = textwrap.dedent("""
        import sys, dfdx
        assert not [m for m in sys.modules if m.startswith(("hostile_", "dfdx.backends", "cupy", "pyopencl"))], "a plugin was imported"
        assert (dfdx.device("cpu").ones((2,)) + 1.0).tolist() == [2.0, 2.0]
        states = {r.name: str(r.state) for r in dfdx.devices()}
        assert states["cpu"] == "ready" and len(states) > 30, states
    """)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr


def test_unavailable_devices_say_so():
    with pytest.raises(dfdx.BackendUnavailable, match="device 'cuda' is unavailable"):
        dfdx.device("cuda")


def test_third_party_ops(install):
    from dfdx.core.ops._define import FUNCTIONS
    from dfdx.core.registry import OPS

    source = HEAD + textwrap.dedent("""
        from dfdx.core.contract import hookimpl
        from dfdx.core.elementwise import Elementwise
        from dfdx.core.dispatch import apply
        from dfdx.core.expr import arg
        from dfdx.core.expr import functions as F
        SPEC = Elementwise("mish_x", arg(0) * F.tanh(F.softplus(arg(0))), 1, family="plugin", doc="x tanh(softplus(x)).")
        def mish_x(x):
            "x tanh(softplus(x))."
            return apply(SPEC, (x,))
        @hookimpl
        def register_ops(registry): registry.op(SPEC, mish_x)
    """)
    install("mish", source, group="dfdx.ops.v1")
    try:
        (record,) = [r for r in Host().load_ops() if r.name == "mish"]
        assert record.state is State.READY, record
        torch = pytest.importorskip("torch")
        x = dfdx.device("cpu").tensor([-1.0, 0.5, 2.0], dfdx.f64)
        t = torch.tensor(x.array(), requires_grad=True)
        grads = x.traced().mish_x().sum().backward()
        torch.nn.functional.mish(t).sum().backward()
        np.testing.assert_allclose(grads.get(x).array(), t.grad.numpy(), rtol=1e-12)
    finally:
        OPS.pop("mish_x", None), FUNCTIONS.pop("mish_x", None)
