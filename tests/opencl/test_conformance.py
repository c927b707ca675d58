"""The conformance kit on the OpenCL device, at its quick level; `python -m dfdx conformance opencl` runs the standard one."""

from __future__ import annotations

from dfdx.conformance import suite

from .conftest import NAME

globals().update(suite(NAME, "quick"))


def test_the_kit_ran():
    """Without a device the suite would be one skipped test."""
    assert "test_ops" in globals() and "test_primitives" in globals()
