"""The device under test: `opencl`, or the one that DFDX_TEST_OPENCL names. It must exist: nothing is skipped for want of one.

`make oclgrind` runs the kernels under a checker of bounds, races and barriers, as they are for GPUs, and with
DFDX_TEST_TARGET=cpu as they are for CPUs.
"""

from __future__ import annotations

import os

import pytest

import dfdx

NAME = os.environ.get("DFDX_TEST_OPENCL", "opencl")


@pytest.fixture(scope="session")
def dev():
    device = dfdx.device(NAME)
    if os.environ.get("DFDX_TEST_TARGET") == "cpu":
        device.runtime.target = device.runtime.target._replace(cpu=True, lanes=16, vector=8, fused=False, units=8)
    return device


@pytest.fixture(scope="session")
def cpu():
    return dfdx.device("cpu")
