"""The device under test: `opencl`, or the one that DFDX_TEST_OPENCL names. It must exist: nothing is skipped for want of one."""

from __future__ import annotations

import os

import pytest

import dfdx

NAME = os.environ.get("DFDX_TEST_OPENCL", "opencl")


@pytest.fixture(scope="session")
def dev():
    return dfdx.device(NAME)


@pytest.fixture(scope="session")
def cpu():
    return dfdx.device("cpu")
