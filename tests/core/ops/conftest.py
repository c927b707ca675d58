"""Devices for the tests of ops."""

from __future__ import annotations

import dataclasses

import pytest

import dfdx
from dfdx.core.contract import PRIMITIVES, KernelTable
from dfdx.core.device import Backend, Device


def primitives_only() -> Device:
    """The CPU without any kernel beyond the primitives: everything else runs as core's composites."""
    cpu = dfdx.device("cpu").backend
    table = KernelTable()
    table._kernels = {name: cpu.kernels.candidates(name) for name in PRIMITIVES}
    return Device(Backend("cpu", dataclasses.replace(cpu.opened, kernels=table)))


@pytest.fixture(scope="session", params=["kernels", "composites"])
def dev(request: pytest.FixtureRequest) -> Device:
    """The CPU with all its kernels, and with the primitives alone."""
    return dfdx.device("cpu") if request.param == "kernels" else primitives_only()
