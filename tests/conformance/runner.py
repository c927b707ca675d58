"""What is run on a device, in which order: items (an entry in a dtype), each giving findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..core.dtypes import DTYPES, DType
from .checks.errors import check_errors, check_laws
from .checks.finding import Finding, message
from .checks.modules import check_module
from .checks.ops import check_op
from .checks.optimizers import check_optimizer
from .info import ENTRIES, Entry, OpInfo, takes
from .samples import LEVELS

__all__ = ["DTYPES_AT", "FOLDERS", "Item", "items", "run_item"]

DTYPES_AT: dict[str, tuple[str, ...]] = {
    "quick": ("f32", "i64", "bool"),
    "standard": ("f32", "f64", "f16", "bf16", "amp_bf16", "i8", "i32", "i64", "u8", "u32", "bool"),
    "exhaustive": tuple(DTYPES),
}
BIG = 4096  # samples above this size run in these dtypes only, below the exhaustive level
BIG_DTYPES = ("f32", "f16", "i32")
FOLDERS = {"primitive": "primitives", "op": "ops", "module": "modules", "optimizer": "optimizers", "device": "device"}


@dataclass(frozen=True)
class Item:
    """One entry in one dtype: what a pytest test runs."""

    entry: Entry
    dtype: type[DType]

    @property
    def id(self) -> str:
        """`softmax-f16`."""
        return f"{self.entry.name}-{self.dtype.name}".replace(" ", "_")


def items(dev: Any, level: str, only: str = "") -> list[Item]:
    """All items that a device is judged by at a level; `only` names a kind ("primitives"), a family or an entry."""
    from . import database  # noqa: F401  # fills ENTRIES

    found = []
    for kind in FOLDERS:
        for (k, _), entry in ENTRIES.items():
            if k == kind and chosen(entry, only):
                found += [Item(entry, DTYPES[d]) for d in dtypes(entry, dev, level)]
    return found


def dtypes(entry: Entry, dev: Any, level: str) -> list[str]:
    """The dtypes in which an entry is checked at a level."""
    if entry.kind == "device":  # looks at all dtypes itself
        return [next(d for d in DTYPES_AT[level] if dev.supports(d))]
    wanted = (entry.takes,) if entry.takes in DTYPES else DTYPES_AT[level]
    if level == "quick" and entry.kind == "primitive":
        wanted = (*wanted, "f16")  # a narrow float that accumulates narrowly shows at once
    return [
        d for d in wanted if takes(entry, DTYPES[d]) and all(dev.supports(t) for t in (d, *_results(entry, DTYPES[d])))
    ]


def _results(entry: Entry, dtype: type[DType]) -> tuple[type[DType], ...]:
    """The dtypes of its results, which the device must have as well."""
    return tuple(entry.gives_dtypes(dtype, 1)) if isinstance(entry, OpInfo) else ()


def chosen(entry: Entry, only: str) -> bool:
    """Whether `--only` names this entry."""
    return not only or only in (entry.name, entry.family, entry.kind, FOLDERS[entry.kind], *entry.covers)


def samples(item: Item, level: str) -> Iterator[Any]:
    """The samples of an item at a level."""
    for s in getattr(item.entry, "samples", ()):
        big = sum(_numel(i.shape) for i in s.inputs) > BIG
        if LEVELS.index(s.level) > LEVELS.index(level) or not s.takes(item.dtype):
            continue
        if level == "exhaustive" or not big or item.dtype.name in BIG_DTYPES:
            yield s


def _numel(shape: tuple[int, ...]) -> int:
    n = 1
    for d in shape:
        n *= d
    return n


def _op_item(item: Item, dev: Any, level: str) -> Iterator[Finding]:
    entry: Any = item.entry
    mine = list(samples(item, level))
    for s in mine:
        yield from check_op(entry, item.dtype, s, dev, level)
    for s in mine[:2]:
        yield from check_laws(entry, item.dtype, s, dev)
    if item.dtype.name == dtypes(entry, dev, level)[0]:
        yield from check_errors(entry, item.dtype, dev)


def _module_item(item: Item, dev: Any, level: str) -> Iterator[Finding]:
    entry: Any = item.entry
    for s in samples(item, level):
        yield from check_module(entry, item.dtype, s, dev, level)
    if item.dtype.name == dtypes(entry, dev, level)[0]:
        yield from check_errors(entry, item.dtype, dev)


def _optimizer_item(item: Item, dev: Any, level: str) -> Iterator[Finding]:
    entry: Any = item.entry
    yield from check_optimizer(entry, item.dtype, dev, level)


def _device_item(item: Item, dev: Any, level: str) -> Iterator[Finding]:
    entry: Any = item.entry
    try:
        for sample, wrong in entry.check(dev):
            status = "n/a" if wrong is None else "fail" if wrong else "pass"
            yield Finding(
                entry.kind, entry.name, entry.family, item.dtype.name, sample, "device", status, None, wrong or ""
            )
    except Exception as e:
        yield Finding(entry.kind, entry.name, entry.family, item.dtype.name, "-", "device", "error", None, message(e))


RUNNERS: dict[str, Callable[[Item, Any, str], Iterator[Finding]]] = {
    "op": _op_item,
    "primitive": _op_item,
    "module": _module_item,
    "optimizer": _optimizer_item,
    "device": _device_item,
}


def run_item(item: Item, dev: Any, level: str) -> Iterator[Finding]:
    """Every finding of one item."""
    yield from RUNNERS[item.entry.kind](item, dev, level)
