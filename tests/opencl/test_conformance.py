"""The conformance kit on the OpenCL device.

Every kernel family of this backend at the quick level, because PoCL takes a quarter of a second for each kernel that it has not
compiled before; DFDX_TEST_KIT=standard runs the whole kit at that level.
"""

from __future__ import annotations

import os

from dfdx.conformance import suite

from .conftest import NAME

FAMILIES = ("primitives", "rowwise", "windows", "matmul", "order", "index")
LEVEL = os.environ.get("DFDX_TEST_KIT", "")

if LEVEL:
    globals().update(suite(NAME, LEVEL))
else:
    for family in FAMILIES:
        globals().update({f"{name}_{family}": test for name, test in suite(NAME, "quick", family).items()})


def test_the_kit_ran():
    """Without a device the suite would be one skipped test."""
    assert ("test_ops" if LEVEL else "test_ops_windows") in globals()
