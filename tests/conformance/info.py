"""What the databases hold: an entry per op, module and optimizer. None names a device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..core.dtypes import DTYPES, DType, bool_
from .samples import Sample

__all__ = [
    "DeviceInfo",
    "ENTRIES",
    "Entry",
    "ErrorSample",
    "Law",
    "ModuleInfo",
    "OpInfo",
    "OptimizerInfo",
    "add",
    "takes",
]


@dataclass(frozen=True)
class ErrorSample:
    """A call that must be refused: `call(device)` raises `error`, whose message has every one of `words`."""

    name: str
    call: Callable[[Any], Any]
    error: type[BaseException]
    words: tuple[str, ...] = ()
    synchronous: bool = False  # only a synchronous device can notice


@dataclass(frozen=True)
class Law:
    """An identity that holds bit for bit: `left(*tensors)` equals `right(*tensors)` on every sample."""

    name: str
    left: Callable[..., Any]
    right: Callable[..., Any]
    dtypes: str = ""


@dataclass(frozen=True)
class OpInfo:
    """An op as the kit knows it.

    * `call(*tensors, **kwargs)`: the op itself; by default the function `dfdx.<name>`.
    * `reference(*refs, **kwargs)`: the same over reference arrays (`dfdx.conformance.reference`), or their tuple.
    * `samples`: at least one; names are unique.
    * `covers`: the names in the op registry that this entry stands for.
    * `takes`: the dtypes it is checked in ("float", "number", "int", "logical", "bool", "any"); `gives`: those of its
      results: "same", a dtype's name, a function of the dtype, or a tuple of these.
    * `composite`: its parts may be kernels of their own, each rounding its result.
    * `view`: its result may share storage with an input.
    * `grad`: whether it has a gradient; `signed`: whether -0.0 is told from 0.0.
    * `constants`: positions of inputs that must not own a tape (targets).
    * `errors`, `laws`: calls that must be refused, identities that must hold.
    * `torch`: the same op of PyTorch: a name in `torch`, or a function of (torch, *tensors, **kwargs).
    * `maker`: it makes tensors from nothing, and is called as `call(device, dtype, **kwargs)`.
    """

    name: str
    reference: Callable[..., Any]
    samples: tuple[Sample, ...]
    call: Callable[..., Any] | None = None
    covers: tuple[str, ...] = ()
    family: str = ""
    takes: str = "float"
    gives: Any = "same"
    composite: bool = False
    view: bool = False
    grad: bool = True
    signed: bool = False
    maker: bool = False
    constants: tuple[int, ...] = ()
    errors: tuple[ErrorSample, ...] = ()
    laws: tuple[Law, ...] = ()
    torch: Any = None
    kind: str = "op"

    @property
    def function(self) -> Callable[..., Any]:
        """What is called."""
        if self.call is not None:
            return self.call
        from ..core.ops._define import FUNCTIONS

        return FUNCTIONS[self.name]

    def gives_dtypes(self, dtype: type[DType], n: int) -> list[type[DType]]:
        """The dtypes of the n results for inputs of `dtype`."""
        each = self.gives if isinstance(self.gives, tuple) else (self.gives,) * n
        return [g(dtype) if callable(g) else dtype if g == "same" else DTYPES[g] for g in each]


@dataclass(frozen=True)
class ModuleInfo:
    """A module: how it is made, and what it computes in float64.

    * `make()`: the specification; `samples`: its inputs.
    * `reference(params, *refs)`: the output, or a tuple of them, given the parameters as reference arrays by dotted path.
    * `train`: the same for a traced input where it differs; it may give (output, {path: new value}) of running statistics.
    * `call(model, *tensors)`: how it is called, where its inputs are not simply one after the other.
    * `covers`: the class names that this entry stands for.
    * `fixed`: paths whose built values are kept (tables); all others are drawn anew, variances positive.
    """

    name: str
    make: Callable[[], Any]
    samples: tuple[Sample, ...]
    reference: Callable[..., Any]
    train: Callable[..., Any] | None = None
    call: Callable[..., Any] | None = None
    covers: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    errors: tuple[ErrorSample, ...] = ()
    family: str = "modules"
    kind: str = "module"
    takes: str = "float"
    maker = False
    composite = True
    signed = False
    constants: tuple[int, ...] = ()
    grad: bool = True

    def gives_dtypes(self, dtype: type[DType], n: int) -> list[type[DType]]:
        """Modules keep the dtype of their parameters."""
        return [dtype] * n


@dataclass(frozen=True)
class OptimizerInfo:
    """An optimizer under one setting.

    * `make(model)`: the optimizer.
    * `reference(p, g, state, t)`: (new p, new state) of step t, counted from 1, over reference arrays; state starts as zeros.
    * `slots`: how many state arrays there are; `torch(torch, params)`: the same optimizer of PyTorch.
    """

    name: str
    make: Callable[[Any], Any]
    reference: Callable[..., Any]
    slots: int = 0
    covers: tuple[str, ...] = ()
    torch: Callable[..., Any] | None = None
    errors: tuple[ErrorSample, ...] = ()
    family: str = "optimizers"
    kind: str = "optimizer"
    takes: str = "float"


@dataclass(frozen=True)
class DeviceInfo:
    """Something that the device as a whole owes: `check(device)` yields (sample, what is wrong), "" for nothing, None for n/a."""

    name: str
    check: Callable[[Any], Iterator[tuple[str, str | None]]]
    covers: tuple[str, ...] = ()
    family: str = "device"
    kind: str = "device"
    takes: str = "any"


Entry = OpInfo | ModuleInfo | OptimizerInfo | DeviceInfo
ENTRIES: dict[tuple[str, str], Entry] = {}  # by (kind, name)


def add(entry: Entry) -> Entry:
    """Put an entry into the database; a second one of the same kind and name is a `ValueError`."""
    key = (entry.kind, entry.name)
    if key in ENTRIES:
        raise ValueError(f"the kit has an entry for {entry.kind} {entry.name!r} already")
    names = [s.name for s in getattr(entry, "samples", ())]
    if len(set(names)) != len(names):
        raise ValueError(f"{entry.name}: two samples have one name: {sorted(n for n in names if names.count(n) > 1)}")
    ENTRIES[key] = entry
    return entry


_TAKES: dict[str, Callable[[type[DType]], bool]] = {
    "float": lambda d: d.is_float,
    "number": lambda d: d.is_float or d.is_int,
    "int": lambda d: d.is_int,
    "logical": lambda d: d.is_int or d is bool_,
    "bool": lambda d: d is bool_,
    "any": lambda d: True,
}


def takes(entry: Entry, dtype: type[DType]) -> bool:
    """Whether an entry is checked in a dtype: it names a kind of dtypes, or one dtype."""
    test = _TAKES.get(entry.takes)
    return test(dtype) if test else dtype.name == entry.takes
