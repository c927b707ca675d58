"""The conformance kit: how complete and how accurate a device is.

In a plugin's tests, two lines are enough:

    from dfdx.conformance import suite
    globals().update(suite("mydevice"))

On the command line: `python -m dfdx conformance mydevice --report out/`. See docs/conformance.md.
"""

from __future__ import annotations

from typing import Any

from ..core.plugins.info import Expect
from . import reference
from .info import ENTRIES, ErrorSample, Law, ModuleInfo, OpInfo, OptimizerInfo, add
from .report import judge
from .samples import LEVELS, S, Sample, away, between, few, flags, ints, normal, positive, values
from .suite import suite

__all__ = [
    "ENTRIES", "ErrorSample", "Expect", "LEVELS", "Law", "ModuleInfo", "OpInfo", "OptimizerInfo", "S", "Sample", "add", "away",
    "between", "built", "entry", "expected", "few", "flags", "inputs", "ints", "judge", "normal", "positive", "reference", "suite", "values",
]  # fmt: skip


def entry(kind: str, name: str) -> Any:
    """The entry of an op, primitive, module or optimizer: `entry("op", "softmax")`."""
    from . import database  # noqa: F401

    return ENTRIES[(kind, name)]


def _sample(kind: str, name: str, sample: str) -> Any:
    return next(s for s in entry(kind, name).samples if s.name == sample)


def inputs(kind: str, name: str, sample: str, dtype: Any) -> list[Any]:
    """The NumPy inputs of a sample in a dtype."""
    from ..core.dtypes import as_dtype

    return _sample(kind, name, sample).arrays(name, as_dtype(dtype))


def expected(kind: str, name: str, sample: str, dtype: Any) -> Any:
    """The float64 value of a sample's result and the error that a device may make: `.v` and `.e`."""
    from ..core.device import device
    from ..core.dtypes import as_dtype
    from .checks.modules import draw

    d, e = as_dtype(dtype), entry(kind, name)
    with reference.arithmetic(
        reference.Arithmetic(d.compute, d, kind == "module") if d.is_float else reference.Arithmetic()
    ):
        leaves: list[Any] = [reference.leaf(h) for h in inputs(kind, name, sample, d)]
        if kind == "module":
            tensors = device("cpu").build_module(e.make(), d).named_tensors()
            leaves.insert(
                0,
                {
                    n.path: reference.leaf(n.tensor.array() if n.path in e.fixed else draw(n.path, n.tensor.shape, d))
                    for n in tensors
                },
            )
        return e.reference(*([d] if e.maker else leaves), **_sample(kind, name, sample).kwargs)


def built(name: str, dev: Any, dtype: Any) -> Any:
    """A module's model with the parameters that the kit gives it."""
    from ..core.dtypes import as_dtype
    from .checks.modules import built as build

    return build(entry("module", name), dev, as_dtype(dtype))
