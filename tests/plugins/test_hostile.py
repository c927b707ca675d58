"""Plugins that misbehave, as data: each must come to the state and the message beside it, and the CPU works beside all of them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest

import dfdx
from dfdx.cli.main import main
from dfdx.cli.probe import checked
from dfdx.core.plugins.host import Host, State

HEAD = "from dfdx.core.contract import *\nimport numpy as np\n"
INFO = (
    "@hookimpl\ndef backend_info(): return BackendInfo((1, 0))\n"
    "@hookimpl\ndef backend_probe(): return [DeviceInfo(0, 'fake')]\n"
    "@hookimpl\ndef backend_open(index, options): return object()\n"
)
FULL = (
    HEAD
    + INFO
    + "@hookimpl\ndef register_kernels(registry):\n    for op in PRIMITIVES: registry.kernel(op)(lambda *a, **k: None)\n"
)
HALF = HEAD + INFO + "@hookimpl\ndef register_kernels(registry):\n    registry.kernel('matmul')(np.matmul)\n"


def instead(old, new, source=FULL):
    assert old in source
    return source.replace(old, new)


def also(text, source=FULL):
    return source + text + "\n"


API = "BackendInfo((1, 0))"
PROBE = "return [DeviceInfo(0, 'fake')]"
OPEN = "return object()"

# name: (source, state, what the reason must contain)
HOSTILE = {
    # on import
    "import_error": ("import no_such_module", "failed", "import: ModuleNotFoundError: No module named 'no_such_module'"),
    "syntax_error": ("def", "failed", "import: SyntaxError"),
    "zero_division": ("1/0", "failed", "import: ZeroDivisionError: division by zero"),
    "sys_exit": ("import sys; sys.exit(3)", "failed", "import: SystemExit: 3"),
    "generator_exit": ("raise GeneratorExit", "failed", "import: GeneratorExit"),
    "base_exception": ("class E(BaseException): pass\nraise E('odd')", "failed", "import: E: odd"),
    "unprintable": ("class E(Exception):\n    def __str__(self): 1/0\nraise E", "failed", "its message raises ZeroDivisionError"),
    "many_lines": ("raise ValueError('a\\n\\n  b')", "failed", "import: ValueError: a; b"),
    "recursion": ("def f(): f()\nf()", "failed", "import: RecursionError"),
    "memory": ("raise MemoryError('all gone')", "failed", "import: MemoryError: all gone"),
    "unavailable_on_import": (HEAD + "raise BackendUnavailable('no driver', 'get one')", "unavailable", "no driver"),
    "odd_unavailable": (HEAD + "class U(BackendUnavailable):\n    def __init__(self): pass\nraise U", "unavailable", "U"),
    # hooks
    "no_hooks": ("x = 1", "failed", "no hook implementations"),
    "hooks_of_another_host": (instead("from dfdx.core.contract import *", "from dfdx.core.contract import *; import pluggy; hookimpl = pluggy.HookimplMarker('pytest')"), "failed", "no hook implementations"),
    "unknown_hook": (instead("register_kernels", "register_kernals"), "failed", "unknown hook 'register_kernals'"),
    "near_hook": (instead("register_kernels", "register_kernals"), "failed", "did you mean 'register_kernels'?"),
    "extra_argument": (instead("(registry)", "(registry, extra)"), "failed", "Argument(s) {'extra'}"),
    # the API
    "newer_minor": (instead("(1, 0)", "(1, 9)"), "incompatible", "needs backend API (1, 9)"),
    "newer_minor_with_its_hooks": (also("@hookimpl\ndef backend_teleport(runtime): pass", instead("(1, 0)", "(1, 9)")), "incompatible", "needs backend API (1, 9)"),
    "older_major": (instead("(1, 0)", "(0, 3)"), "incompatible", "needs backend API (0, 3)"),
    "newer_major": (instead("(1, 0)", "(2, 0)"), "incompatible", "needs backend API (2, 0)"),
    "api_is_text": (instead("(1, 0)", "'1.0'"), "failed", "api is a pair of ints such as (1, 0), not '1.0'"),
    "no_info": (instead(API, "None"), "failed", "must return a BackendInfo with the API it was written for, not NoneType"),
    "info_is_text": (instead(API, "'hello'"), "failed", "not str"),
    "info_raises": (instead(f"return {API}", "1/0"), "failed", "backend_info: ZeroDivisionError"),
    # hardware
    "no_hardware": (instead(PROBE, "raise BackendUnavailable('no card', 'buy one')"), "unavailable", "no card"),
    "no_devices": (instead(PROBE, "return []"), "unavailable", "no device"),
    "probe_raises": (instead(PROBE, "raise OSError('driver')"), "failed", "backend_probe: OSError: driver"),
    "probe_gives_ints": (instead(PROBE, "return [0]"), "failed", "list of DeviceInfo"),
    "probe_gives_int": (instead(PROBE, "return 7"), "failed", "not int"),
    "opens_nothing": (instead(OPEN, "return None"), "failed", "backend_open returned nothing"),
    "open_raises": (instead(OPEN, "raise OSError('busy')"), "failed", "OSError: busy"),
    "open_unavailable": (instead(OPEN, "raise BackendUnavailable('unplugged')"), "unavailable", "unplugged"),
    "capabilities_raise": (also("@hookimpl\ndef backend_capabilities(runtime): 1/0"), "failed", "ZeroDivisionError"),
    "capabilities_are_a_dict": (also("@hookimpl\ndef backend_capabilities(runtime): return {'f32': 1}"), "failed", "must return Capabilities, not dict"),
    # kernels
    "half_then_raises": (also("    1/0", HALF), "failed", "register_kernels: ZeroDivisionError"),
    "unknown_op": (instead("'matmul'", "'matmull'", HALF), "failed", "unknown op 'matmull'; did you mean 'matmul'?"),
    "unknown_backward": (instead("'matmul'", "'softmax.backwards'", HALF), "failed", "did you mean 'softmax.backward'?"),
    "registered_twice": (also("    registry.kernel('matmul')(np.matmul)", HALF), "failed", "a kernel for 'matmul' is registered twice"),
    "not_callable": (instead("(np.matmul)", "(7)", HALF), "failed", "the kernel for 'matmul' is not callable: 7"),
    "dtypes_are_text": (instead("'matmul'", "'matmul', dtypes=['f32']", HALF), "failed", "no dtypes of dfdx: ['f32']"),
    "predicate_is_text": (instead("'matmul'", "'matmul', when='f32'", HALF), "failed", "predicate of the kernel for 'matmul' is not callable"),
    "half_the_kernels": (HALF, "partial", "missing empty, fill"),
    "no_kernels": (HEAD + INFO, "partial", "(19 primitives)"),
    # things that are harmless if the host looks after them
    "numpy_state": (also("np.seterr(all='raise')"), "ready", ""),
    "warning_filters": (also("import warnings; warnings.simplefilter('error')"), "ready", ""),
    "another_folder": (also("import os; os.chdir('/')"), "ready", ""),
    "takes_stdout": (also("import io, sys; sys.stdout = io.StringIO()"), "ready", ""),
    "prints_rubbish": (also("print('\\x1b[31m@{rubbish')"), "ready", ""),
    "prints_rubbish_below_python": (also("import os; os.write(1, b'{rubbish')"), "ready", ""),
    "imports_dfdx": (also("import dfdx; dfdx.device('cpu').ones((2,))"), "ready", ""),
    "lists_devices": ("import dfdx; dfdx.devices()\n" + FULL, "ready", ""),
    "asks_for_itself": ("import dfdx\ntry: dfdx.device('strange')\nexcept dfdx.DeviceError as e: assert 'is being loaded' in str(e), e\n" + FULL, "ready", ""),
    "good": (FULL, "ready", ""),
}  # fmt: skip

# what no process survives: only `devices --check` and `doctor` load it, in a process of its own
DEADLY = {
    "segfault": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "killed by signal 11"),
    "null_pointer": ("import ctypes; ctypes.string_at(0)", "killed by signal 11"),
    "exits": ("import os; os._exit(7)", "exit status 7"),
    "hangs": ("import time; time.sleep(60)", "no answer within"),
    "hangs_deaf": ("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)", "no answer within"),
    "leaves_a_child": ("import os, subprocess; subprocess.Popen(['sleep', '60']); os._exit(5)", "exit status 5"),
}  # fmt: skip


def test_there_are_forty():
    assert len(HOSTILE) + len(DEADLY) >= 40


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_plugin(name, install, monkeypatch):
    source, state, reason = HOSTILE[name]
    install("strange", source)
    before = np.geterr(), list(warnings.filters), os.getcwd(), sys.stdout, sys.stderr
    host = Host()
    monkeypatch.setattr("dfdx.core.plugins.host._host", [host])
    rows = {r.name: r for r in dfdx.devices()}
    assert (np.geterr(), list(warnings.filters), os.getcwd(), sys.stdout, sys.stderr) == before
    row = rows["strange"]
    assert row.state == state and reason in row.reason and "\n" not in row.reason, row
    assert rows["cpu"].state is State.READY and (dfdx.device("cpu").ones((2,)) + 1.0).tolist() == [2.0, 2.0]
    if row.state.usable:
        assert host.open("strange").record is row
        return
    texts = []
    for _ in range(2):  # the reason is repeated every time
        with pytest.raises(dfdx.DeviceError) as caught:
            host.open("strange")
        texts.append(str(caught.value))
    assert texts[0] == texts[1] and reason in texts[0] and not host.manager.has_plugin("strange")


@pytest.mark.parametrize("name", DEADLY)
def test_deadly_plugin(name, install):
    source, reason = DEADLY[name]
    install("native", source)
    row = checked(Host().records["native"], timeout=1.5 if "hangs" in name else 30.0)
    assert row["state"] == "failed" and reason in row["reason"] and row["hint"] == "DFDX_BLOCK=native leaves it out"


def run(code, **more):
    return subprocess.run(
        [sys.executable, *code], capture_output=True, text=True, env={**os.environ, **more}, timeout=60
    )


def test_all_of_them_at_once(install):
    """`import dfdx` loads none; the CPU works; `dfdx.devices()` and `devices --json` show the state of each."""
    for name, (source, _, _) in HOSTILE.items():
        install(f"p_{name}", source.replace("'strange'", f"'p_{name}'"))
    code = textwrap.dedent("""
        import sys, dfdx
        assert not [m for m in sys.modules if m.startswith(("hostile_", "dfdx.backends", "cupy", "pyopencl"))], "a plugin was imported"
        assert (dfdx.device("cpu").ones((2,)) + 1.0).tolist() == [2.0, 2.0]
        assert not [m for m in sys.modules if m.startswith("hostile_")], "the CPU loaded another plugin"
        from dfdx.cli.main import main
        assert main(["devices", "--json"]) == 0
        assert (dfdx.device("cpu").ones((2,)) + 1.0).tolist() == [2.0, 2.0]
    """)
    done = run(["-c", code])
    assert done.returncode == 0, done.stderr
    rows = {r["name"]: r for r in json.loads(done.stdout)["devices"]}  # nothing but JSON: rubbish went elsewhere
    assert rows["cpu"]["state"] == "ready"
    for name, (_, state, reason) in HOSTILE.items():
        row = rows[f"p_{name}"]
        assert row["state"] == state and reason in row["reason"], row


def doctor(name, capsys):
    main(["doctor", name])
    return capsys.readouterr().out


def test_check_and_doctor_say_what_the_process_did(install, monkeypatch, capsys):
    install("crash", DEADLY["segfault"][0])
    install("quiet", FULL + "@hookimpl\ndef backend_diagnose(): return [Check('cable', False, 'loose', 'push')]\n")
    install("bad", FULL + "@hookimpl\ndef backend_diagnose(): 1/0\n")
    install("sick", FULL + "@hookimpl\ndef backend_diagnose():\n    import os; os._exit(9)\n")
    done = run(["-m", "dfdx", "devices", "--check", "--json", "--timeout", "30"])
    rows = {r["name"]: r for r in json.loads(done.stdout)["devices"]}
    assert rows["crash"]["state"] == "failed" and rows["cpu"]["check"].startswith("ok")
    assert rows["quiet"]["state"] == "ready" and "FAILED" in rows["quiet"]["check"]  # its kernels do nothing
    monkeypatch.setattr("dfdx.core.plugins.host._host", [Host()])
    text = doctor("crash", capsys)
    assert "killed by signal 11" in text and "hint     DFDX_BLOCK=crash leaves it out" in text
    assert "BAD      cable: loose (hint: push)" in doctor("quiet", capsys)
    for name, what in (("bad", "ZeroDivisionError"), ("sick", "exit status 9")):  # the device is ready all the same
        lines = doctor(name, capsys).splitlines()
        assert "state    ready" in lines and lines[-1].startswith("BAD      backend_diagnose") and what in lines[-1]


def test_doctor_shows_the_traceback(install, monkeypatch, capsys):
    install("broken", "def inner():\n    return 1/0\ninner()\n")
    monkeypatch.setattr("dfdx.core.plugins.host._host", [Host()])
    text = doctor("broken", capsys)
    assert "in inner" in text and "ZeroDivisionError" in text


def test_names_are_said_in_the_log(install, caplog):
    install("broken", "1/0")
    with caplog.at_level(logging.WARNING, "dfdx.plugins"):
        Host().rows()
    assert "plugin 'broken' of dist-broken 1.0 failed in import: ZeroDivisionError" in caplog.text
