"""The kit as pytest functions: `globals().update(suite("mydevice"))` in a test file is a plugin's whole test suite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.device import device as open_device
from .checks.finding import Finding
from .expectations import Expectations, declared, matches, suggestion
from .runner import FOLDERS, Item, items, run_item

__all__ = ["suite"]


def suite(device: str, level: str = "standard", only: str = "") -> dict[str, Callable[..., None]]:
    """Test functions for a device, by name: `test_primitives`, `test_ops`, `test_modules`, and so on.

    * `device`: its name; `level`: "quick", "standard" or "exhaustive"; `only`: a kind, a family or an entry.

    Each is parametrised by entry and dtype (`test_ops[softmax-f16]`), and fails with every bad finding of it.
    `test_expectations` fails for an expected failure that matches nothing. Where the hardware is missing, all are skipped.
    """
    import pytest

    from ..core.errors import BackendUnavailable

    try:
        dev = open_device(device)
    except BackendUnavailable as e:
        return {"test_device": _skipped(f"{device}: {e}")}
    found: dict[str, list[Item]] = {}
    for item in items(dev, level, only):
        found.setdefault(FOLDERS[item.entry.kind], []).append(item)
    tests = {f"test_{kind}": _test(pytest, dev, level, kind, todo) for kind, todo in found.items()}
    expects = declared(dev)
    if expects and not only:
        tests["test_expectations"] = _expectations(pytest, dev, level, expects)
    return tests


def _skipped(reason: str) -> Callable[[], None]:
    import pytest

    @pytest.mark.skip(reason=reason)
    def test_device() -> None:
        """Needs the hardware."""

    return test_device


def _test(pytest: Any, dev: Any, level: str, kind: str, todo: list[Item]) -> Callable[[Item], None]:
    @pytest.mark.parametrize("item", todo, ids=[i.id for i in todo])
    def test(item: Item) -> None:
        expectations = Expectations(declared(dev))
        bad = [f for f in map(expectations.judge, run_item(item, dev, level)) if f.bad]
        if bad:
            pytest.fail(report(bad), pytrace=False)

    test.__name__ = test.__qualname__ = f"test_{kind}"
    test.__doc__ = f"{kind.capitalize()} of {dev.name} at level {level}."
    return test


def report(bad: list[Finding]) -> str:
    """Bad findings in a few lines, the first one as a program."""
    lines = [f"{f.status}: {f.place}: {f.detail}" for f in bad[:20]]
    lines += [f"... and {len(bad) - 20} more"] * (len(bad) > 20)
    if bad[0].source:
        lines += ["", "To see the first one:", "", bad[0].source]
    return "\n".join(
        [*lines, "", "If it is known, the backend's conformance_expectations declares it:", "  " + suggestion(bad[0])]
    )


def _expectations(pytest: Any, dev: Any, level: str, expects: list[Any]) -> Callable[[Any], None]:
    names = ["-".join(str(v) for v in (e.op, e.dtype, e.check, e.sample) if v) for e in expects]

    @pytest.mark.parametrize("expect", expects, ids=names)
    def test_expectations(expect: Any) -> None:
        mine = [
            i
            for i in items(dev, level, expect.op)
            if i.entry.name == expect.op and expect.dtype in (None, i.dtype.name)
        ]
        found = [f for i in mine for f in run_item(i, dev, level) if f.status != "n/a" and matches(expect, f)]
        assert found, f"{expect!r} matches nothing: there is no such op, dtype, check or sample"

    return test_expectations
