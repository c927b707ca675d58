"""The kit against itself: every seeded fault is caught by the check that names it, and a sound device passes."""

from __future__ import annotations

import pytest

import dfdx
from dfdx.conformance import entry
from dfdx.conformance.faulty import FAULTS, Fault, device
from dfdx.conformance.runner import Item, run_item


def bad_checks(dev, fault: Fault) -> set[tuple[str, str]]:
    """(check, sample) of everything bad about the entry that the fault concerns."""
    item = Item(entry(fault.kind, fault.entry), dfdx.DTYPES[fault.dtype])
    return {(f.check, f.sample) for f in run_item(item, dev, "standard") if f.bad}


@pytest.mark.parametrize("fault", FAULTS, ids=[f.name.replace(" ", "_") for f in FAULTS])
def test_a_fault_is_caught_by_the_check_that_names_it(fault):
    found = bad_checks(device(fault), fault)
    assert fault.check in {check for check, _ in found}, f"found {sorted(found)}"
    if fault.sample:
        assert (fault.check, fault.sample) in found, f"found {sorted(found)}"


@pytest.mark.parametrize("kind, name, dtype", sorted({(f.kind, f.entry, f.dtype) for f in FAULTS}))
def test_the_same_device_without_a_fault_passes(kind, name, dtype):
    assert not bad_checks(device(), Fault("none", "", None, "", kind, name, dtype))
