"""What a long-lived process meets: full memory, damaged caches, threads, forks, exit with work queued, several devices."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import dfdx
from dfdx.backends.clike.engine import Source
from dfdx.backends.opencl import drivers, kernelcache
from dfdx.backends.opencl.engine import OpenCLEngine

from .conftest import NAME

DOUBLE = "DIMS(2);\nKERNEL GROUP(1, 1, 1) void twice(GLOBAL f32 *y, const struct dims d) { y[GID(0)] *= 2; }"


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_device_exists_and_is_listed():
    assert "opencl" in run("import dfdx.cli.main as m; m.main(['devices'])")
    assert len(drivers.all_devices()) >= 1


def test_devices_by_number_and_by_name(dev):
    first = drivers.all_devices()[0]
    assert dfdx.device("opencl:0").runtime.device == first
    word = first.platform.name.split("(")[0].split()[0].lower()
    named = dfdx.device(f"opencl:{word}")
    assert word in drivers.names(named.runtime.device) and named.runtime.device.name.strip() in named.backend.info.name
    with pytest.raises(dfdx.DeviceError, match="no OpenCL device named 'nonesuch'; there are: 0: "):
        dfdx.device("opencl:nonesuch")
    with pytest.raises(dfdx.DeviceError, match="no OpenCL device number 99"):
        dfdx.device("opencl:99")


def test_two_contexts_in_one_process(dev):
    other = OpenCLEngine(dev.runtime.device, 0)
    a = other.empty((4,), dfdx.f32)
    other.write(a, np.arange(4, dtype="f4"))
    host = np.empty(4, "f4")
    other.read(other.copier.copy(a.permute((0,))), host)
    assert host.tolist() == [0, 1, 2, 3]
    assert (dev.ones((3,)) + dev.ones((3,))).tolist() == [2, 2, 2]
    other.close()


def test_memory_is_counted_kept_and_given_back(dev):
    gc.collect()
    dev.empty_cache()
    before = dev.memory_stats()
    t = dev.zeros((1024, 1024))
    assert dev.memory_stats()["in_use"] >= before["in_use"] + 4 * 2**20
    del t
    gc.collect()
    assert dev.memory_stats()["cached"] >= 4 * 2**20
    dev.empty_cache()
    assert dev.memory_stats()["cached"] == 0
    dev.disable_cache()
    try:
        t = dev.ones((1024,)) + dev.ones((1024,))
        assert t.sum().item() == 2048.0
        del t
        assert dev.memory_stats()["cached"] == 0
    finally:
        dev.enable_cache()


def test_too_large_a_tensor_is_an_out_of_memory_error(dev):
    with pytest.raises(dfdx.OutOfMemoryError, match="bytes do not fit"):
        dev.zeros((1 << 22, 1 << 22))
    assert dev.ones((2,)).tolist() == [1.0, 1.0]


def test_no_memory_grows_over_steps(dev):
    x = dev.ones((64, 64))

    def step():
        return (x.traced() * 2.0).exp().sum().backward().get(x).sum().item()

    for _ in range(20):
        step()
    gc.collect()
    start = dev.memory_stats()
    for _ in range(200):
        step()
    gc.collect()
    end = dev.memory_stats()
    assert end["in_use"] <= start["in_use"] and end["cached"] <= start["cached"] * 2 + 2**16


def test_a_damaged_cache_is_built_again(dev, tmp_path, monkeypatch):
    monkeypatch.setenv("DFDX_CACHE", str(tmp_path))
    source = Source("twice", DOUBLE, (1, 1, 1))
    e = dev.runtime
    for damage in (None, b"", b"rubbish" * 20, "flip"):
        kernelcache.build(e.context, e.device, source, e.options)
        (path,) = kernelcache.folder().glob("*.bin")
        good = path.read_bytes()
        assert len(good) > 32
        if damage is not None:
            path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]) if damage == "flip" else damage)
        program = kernelcache.build(e.context, e.device, source, e.options)
        assert "twice" in program.kernel_names


def test_a_cache_that_cannot_be_written_is_no_error(dev, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DFDX_CACHE", str(tmp_path / "file"))
    source = Source("twice", DOUBLE, (1, 1, 1))
    assert kernelcache.build(dev.runtime.context, dev.runtime.device, source, dev.runtime.options).kernel_names


def test_cache_clear_removes_kernels(tmp_path):
    (tmp_path / "opencl").mkdir()
    (tmp_path / "opencl" / "a.bin").write_bytes(b"x" * 100)
    assert "1 files" in run("import dfdx.cli.main as m; m.main(['cache', 'clear'])", DFDX_CACHE=str(tmp_path))
    assert not list((tmp_path / "opencl").iterdir())


def test_threads_share_a_device(dev):
    wrong = []

    def work(k):
        x = dev.full((1000,), float(k))
        for _ in range(50):
            y = (x * 2.0 + 1.0).sum()
        if y.item() != 1000 * (2 * k + 1):
            wrong.append((k, y.item()))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong


def test_a_forked_child_is_told():
    out = run(f"""
import os, sys, warnings
warnings.simplefilter("ignore")
import dfdx
d = dfdx.device({NAME!r})
x = d.ones((3,)) + 1.0
pid = os.fork()
if pid == 0:
    try:
        x + x
        os._exit(1)
    except dfdx.DeviceForkedError:
        os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
print((x + x).tolist())
""")
    assert "[4.0, 4.0, 4.0]" in out


def test_exit_with_work_queued():
    run(f"""
import dfdx
x = dfdx.device({NAME!r}).ones((1 << 20,))
for _ in range(50):
    x = x * 1.0001
""")


def test_a_users_own_loader_setting_is_left_alone():
    out = run(
        "from dfdx.backends.opencl import drivers; print(drivers.register_wheels())",
        OCL_ICD_VENDORS="/etc/OpenCL/vendors",
    )
    assert "set by the user" in out
