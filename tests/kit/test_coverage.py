"""Everything that dfdx has is judged: a new op, module or optimizer needs an entry."""

from dfdx.conformance.coverage import uncovered
from dfdx.conformance.info import ENTRIES


def test_every_op_module_and_optimizer_has_an_entry():
    missing = uncovered()
    assert not missing, "\n".join(["the conformance kit has no entry for:", *missing])


def test_samples_are_named_once_and_every_entry_has_one():
    for (_, name), entry in ENTRIES.items():
        names = [s.name for s in getattr(entry, "samples", ())]
        assert len(set(names)) == len(names), name
        assert names or entry.kind in ("optimizer", "device"), name
