"""The host: what it finds, chooses, opens, keeps and closes. `test_hostile.py` has the plugins that misbehave."""

from __future__ import annotations

import importlib
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import dfdx
from dfdx.core.plugins.host import Host, State

HEAD = "from dfdx.core.contract import *\nimport numpy as np\n"
INFO = "@hookimpl\ndef backend_info(): return BackendInfo((1, 0))\n@hookimpl\ndef backend_probe(): return [DeviceInfo(0, 'fake')]\n@hookimpl\ndef backend_open(index, options): return object()\n"
FULL = (
    HEAD
    + INFO
    + "@hookimpl\ndef register_kernels(registry):\n    for op in PRIMITIVES: registry.kernel(op)(lambda *a, **k: None)\n"
)
HALF = HEAD + INFO + "@hookimpl\ndef register_kernels(registry):\n    registry.kernel('matmul')(np.matmul)\n"


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
    assert module not in sys.modules
    monkeypatch.setenv("DFDX_PLUGINS", "cpu, extra,cpu,extra")  # twice is once
    assert Host().open("extra") and Host().open("cpu")
    monkeypatch.setenv("DFDX_PLUGINS", "")
    assert {r.state for r in Host().records.values()} == {State.BLOCKED}


def test_names_in_the_environment_that_are_not_installed(install, monkeypatch, caplog):
    install("extra", FULL)
    monkeypatch.setenv("DFDX_PLUGINS", "cpu,extr")
    monkeypatch.setenv("DFDX_PREFER", "cpu")
    Host()
    assert "DFDX_PLUGINS names 'extr', which is not installed; did you mean 'extra'?" in caplog.text
    assert "DFDX_PREFER=cpu is ignored: it reads device:distribution" in caplog.text


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
    assert "second" in host.records and host.open("first") is opened and not host.records["first"].reason


def test_a_plugin_that_is_removed_while_in_use(install, tmp_path):
    module = install("gone", FULL)
    host = Host()
    opened = host.open("gone")
    (tmp_path / f"{module}.py").unlink()
    shutil.rmtree(tmp_path / "dist_gone-1.0.dist-info")
    importlib.invalidate_caches()
    host.refresh()
    (row,) = [r for r in host.rows() if r.name == "gone"]
    assert row.state is State.READY and row.reason == "dist-gone 1.0 was removed while in use"
    assert host.open("gone") is opened
    host.close()
    assert "gone" not in Host().records


def test_a_plugin_that_is_removed_before_its_use(install, tmp_path):
    module = install("gone", FULL)
    host = Host()
    (tmp_path / f"{module}.py").unlink()
    importlib.invalidate_caches()
    with pytest.raises(dfdx.DeviceError, match="import: ModuleNotFoundError"):
        host.open("gone")


def test_two_entry_points_of_one_name_in_one_distribution(install):
    install("twice", "1/0", dist="one", value="zzz_module")
    module = install("twice", FULL, dist="one")
    host = Host()
    assert host.records["twice"].entry.value == module
    (loser,) = host.losers
    assert loser.state is State.SHADOWED and f"{module} is used" in loser.hint and "PREFER" not in loser.hint


def test_one_distribution_may_serve_two_majors(install):
    install("both", FULL, dist="both")
    install("both", "1/0", dist="both", group="dfdx.backends.v2")
    host = Host()
    assert host.records["both"].state is State.FOUND and not host.losers
    host.open("both")


@pytest.mark.parametrize(
    ("group", "way"), [("dfdx.backends.v2", "update dfdx"), ("dfdx.backends.vx", "install a dist-far")]
)
def test_other_majors(group, way, install):
    install("far", FULL, group=group)
    record = Host().records["far"]
    assert record.state is State.INCOMPATIBLE and way in record.hint


@pytest.mark.parametrize("name", ["two words", "gpu,1", "a(b)"])
def test_a_name_that_cannot_be_asked_for(name, install):
    module = install(name, FULL, dist="odd")
    record = Host().records[name]
    assert record.state is State.FAILED and "cannot be asked for" in record.reason and module not in sys.modules


def test_a_distribution_that_cannot_be_read(install, tmp_path, caplog):
    install("good", FULL)
    (tmp_path / "broken-1.0.dist-info").mkdir()
    (tmp_path / "broken-1.0.dist-info" / "entry_points.txt").write_text("[dfdx.backends.v1]\nbroken = x\n")
    importlib.invalidate_caches()
    assert Host().open("good") and "cannot be read" in caplog.text


def test_registration_that_comes_too_late(install):
    module = install("late", FULL.replace("(registry):", "(registry):\n    global KEPT; KEPT = registry"))
    Host().open("late")
    with pytest.raises(dfdx.PluginError, match="only register_kernels may register"):
        sys.modules[module].KEPT.kernel("softmax")(lambda *a, **k: None)


def test_threads_bring_a_plugin_up_once(install):
    counting = FULL.replace("return object()", "COUNT.append(1); return object()")
    module = install("slow", "import time; time.sleep(0.2)\nCOUNT = []\n" + counting)
    host = Host()
    with ThreadPoolExecutor(8) as pool:
        first, *rest = pool.map(lambda _: host.open("slow"), range(8))
    assert all(o is first for o in rest) and sys.modules[module].COUNT == [1]


def test_further_devices_of_a_plugin(install):
    opening = """
    if index > 1: raise BackendUnavailable('two devices', 'take 0 or 1')
    if options: raise ValueError(options['select'])
    return object()"""
    install("multi", FULL.replace("return object()", opening))
    host = Host()
    assert host.open("multi:1") is host.open("multi:1") is not host.open("multi")
    assert host.open("multi:0") is host.open("multi")
    with pytest.raises(dfdx.BackendUnavailable, match="two devices"):
        host.open("multi:7")
    with pytest.raises(dfdx.DeviceError, match="device 'multi:fast' cannot be opened: ValueError: fast"):
        host.open("multi:fast")
    assert host.records["multi"].state is State.READY


def test_a_device_chosen_by_name_is_the_one_it_says(install):
    probe = "return [DeviceInfo(0, 'slow'), DeviceInfo(1, 'fast')]"
    opening = """
    from types import SimpleNamespace
    return SimpleNamespace(index=1 if options else index)"""
    text = FULL.replace("return object()", opening)
    install("named", text.replace("return [DeviceInfo(0, 'fake')]", probe))
    host = Host()
    assert [host.open(n).info.name for n in ("named", "named:1", "named:fast")] == ["slow", "fast", "fast"]


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


def test_unavailable_devices_say_so():
    with pytest.raises(dfdx.BackendUnavailable, match="device 'cuda' is unavailable"):
        dfdx.device("cuda")
