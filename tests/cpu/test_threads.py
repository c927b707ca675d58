"""Where the CPU device's threads run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dfdx.backends.cpu.native.layout import usable
from dfdx.backends.cpu.native.runtime import _worker_cores

PROGRAM = """
import os, dfdx
def tasks(): return set(os.listdir('/proc/self/task'))
dev = dfdx.device('cpu')
x = dev.ones((512, 512))
(x @ x).array()
print(sorted(len(os.sched_getaffinity(int(t))) for t in tasks()))
"""
linux = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores of a thread are asked for as Linux does")


@linux
def test_a_core_for_each_worker_where_there_is_a_thread_for_each_core():
    cores = sorted(os.sched_getaffinity(0))
    masks = _worker_cores(len(cores))
    assert [[i for i in range(1024) if m[i // 8] >> i % 8 & 1] for m in masks] == [[c] for c in cores[1:]]
    assert len(_worker_cores(len(cores) + 1)) == 0


@linux
@pytest.mark.skipif(not usable(), reason="without machine code there are no threads of our own")
@pytest.mark.parametrize("more", [0, 1])
def test_workers_are_bound_and_callers_are_free(more):
    n = len(os.sched_getaffinity(0))
    if n + more < 2:
        pytest.skip("one core: no worker")
    env = os.environ | {"DFDX_NUM_THREADS": str(n + more), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=env)
    expected = [n] * (n + more) if more else [1] * (n - 1) + [n]
    assert done.stdout.strip() == str(expected), done.stderr
