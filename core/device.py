"""A device: a backend's runtime and kernels, seen as the maker of tensors."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .cell import Empty, new_cell
from .checks import check_shape
from .door import launch, recorders, refuse, replayed
from .dtypes import DTYPES, as_dtype, bool_, dtype_of_numpy, f32
from .errors import DeviceError, DeviceForkedError, DTypeError, ShapeError
from .plan import kernel_plan
from .registry import forget_plans
from .tensor import Tensor, is_scalar, wrap
from .types import Signature, TensorType

__all__ = ["Backend", "Cpu", "Cuda", "Device", "OpenCL", "auto_device", "device", "devices", "opened_backends"]

# nn puts its builder here, so that core needs not know it
MODULE_BUILDER: list[Callable[..., Any]] = []


_NO_TYPES = Signature((), ())


class Backend:
    """One opened device of a plugin, shared by all `Device` objects of its name: runtime, kernels, plans."""

    def __init__(self, name: str, opened: Any) -> None:
        self.name, self.runtime, self.kernels = name, opened.runtime, opened.kernels
        self.capabilities, self.info, self.record = opened.capabilities, opened.info, opened.record
        self.opened = opened  # kept, since backends are found by its id
        self.dead = ""
        self.plans: dict[Any, Any] = {}
        self._bound: dict[Any, Any] = {}
        self.adders: dict[TensorType, Any] = {}  # how gradients of a type are summed
        if not getattr(opened.runtime, "fork_safe", False):
            os.register_at_fork(after_in_child=self._forked)

    def find(self, name: str, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        """The first kernel of this name that takes these types, ready to be called with arrays and scalars; None if there is none."""
        if self.dead:
            raise DeviceForkedError(self.dead)
        for k in self.kernels.candidates(name):
            if k.dtypes is not None and not all(t.dtype in k.dtypes for t in sig.inputs):
                continue
            if k.when is not None and not k.when(sig, **attrs):
                continue
            if k.specialize:
                fn = k.fn(sig, **attrs)
                if fn is NotImplemented:
                    continue
            else:
                fn = partial(k.fn, **attrs) if attrs else k.fn
            return self._with_contiguous(fn, len(sig.inputs)) if k.contiguous else fn
        return None

    def _with_contiguous(self, fn: Callable[..., Any], n: int) -> Callable[..., Any]:
        tidy = self.primitive("contiguous")
        return lambda *xs: fn(*[tidy(x) for x in xs[:n]], *xs[n:])

    def primitive(self, name: str, sig: Signature = _NO_TYPES, **attrs: Any) -> Callable[..., Any]:
        """A primitive's kernel, found once per types and attributes."""
        key = (name, sig, *attrs.items())
        fn = self._bound.get(key)
        if fn is None:
            fn = self.find(name, sig, attrs)
            if fn is None:
                from .errors import MissingKernelError

                raise MissingKernelError(
                    f"[{name}] the {self.name} backend has no such primitive for {sig.inputs or sig.outputs}"
                )
            self._bound[key] = fn
        return fn

    def launch(
        self, name: str, sig: Signature, inputs: tuple[Any, ...], cells: tuple[Any, ...] = (), **attrs: Any
    ) -> Any:
        """Run a primitive through the door, where profilers and recorders see it."""
        key = ("launch", name, sig, *attrs.items())
        plan = self._bound.get(key)
        if plan is None:
            kernel = self.primitive(name, sig, **attrs)
            plan = self._bound[key] = kernel_plan(name, kernel, sig, attrs)
        return launch(plan, inputs, cells)

    def _forked(self) -> None:
        """In a forked child: with no plans left, every use comes through `find`, which raises."""
        self.plans.clear()
        self._bound.clear()
        self.adders.clear()
        forget_plans()
        self.dead = f"[fork] {self.name} was used before this process was forked: open it in the child only, or start processes with 'spawn'"


class Device:
    """Makes tensors and models on one backend, and draws random numbers from its own counter.

    Got by `dfdx.device(name)`. Devices of the same name are equal and their tensors mix.
    """

    __module__ = "dfdx"

    def __init__(self, backend: Backend, seed: int = 0) -> None:
        self.backend, self.name = backend, backend.name
        self.runtime, self.kernels, self.plans = backend.runtime, backend.kernels, backend.plans
        self._seed, self._counter = seed & 0xFFFFFFFFFFFFFFFF, 0
        self._made_once: dict[Any, Tensor] = {}

    @property
    def capabilities(self) -> Any:
        """What the backend declares it can do."""
        return self.backend.capabilities

    if TYPE_CHECKING:  # what core/ops/make.py attaches

        def __getattr__(self, name: str) -> Any: ...

    def __repr__(self) -> str:
        return f"dfdx.device({self.name!r})"

    def _repr_html_(self) -> str:
        from .tables import html_table

        info = self.backend.info
        dtypes = " ".join(d.name for d in DTYPES.values() if self.supports(d))
        return html_table([("device", self.name), ("hardware", info.name), ("dtypes", dtypes)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.runtime is self.runtime

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> Any:
        raise TypeError("a Device is not pickled; open it by name with dfdx.device(name)")

    def __deepcopy__(self, _: Any) -> Device:
        return self

    def find(self, name: str, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        """The kernel `name` for these types and attributes, or None."""
        return self.backend.find(name, sig, attrs)

    def supports(self, dtype: Any) -> bool:
        """Whether tensors of this dtype can live here."""
        declared = getattr(self.capabilities, "dtypes", None)
        return declared is None or as_dtype(dtype) in declared

    def copy_cell(self, cell: Any, type_: TensorType) -> Any:
        """A copy of a cell's array with storage of its own."""
        array = cell.array
        if isinstance(array, Empty):
            return array
        return self.backend.launch("copy", Signature((type_,), (type_,)), (array,), (cell,))

    # ----- making tensors

    def _made(self, type_: TensorType, make: Callable[[], Any]) -> Tensor:
        return wrap(new_cell(make() if type_.numel else Empty(type_.shape, type_.dtype)), type_, self)

    def _checked(self, op: str, shape: Any, dtype: Any) -> TensorType:
        dtype = as_dtype(dtype)
        if not self.supports(dtype):
            raise DTypeError(
                f"[{op}] {self.name} has no {dtype.name}; it has {', '.join(d.name for d in self.capabilities.dtypes)}"
            )
        return TensorType(check_shape(op, shape), dtype)

    def full(self, shape: Any, value: Any, dtype: Any = f32) -> Tensor:
        """A tensor of `shape` filled with `value`."""
        type_ = self._checked("full", shape, dtype)
        value = _fitting("full", value, type_.dtype)
        sig = Signature((), (type_,))
        return self._made(
            type_, lambda: self.backend.launch("fill", sig, (value,), shape=type_.shape, dtype=type_.dtype)
        )

    def kept(self, type_: TensorType, value: Any) -> Tensor:
        """A filled tensor that outlives the step in which it is first needed: no part of what a recorded step does."""
        return self._made(type_, lambda: self.backend.primitive("fill", shape=type_.shape, dtype=type_.dtype)(value))

    def zeros(self, shape: Any = (), dtype: Any = f32) -> Tensor:
        """A tensor of zeros.

        >>> import dfdx
        >>> dfdx.device("cpu").zeros((2, 3)).shape
        (2, 3)
        """
        return self.full(shape, 0, dtype)

    def ones(self, shape: Any = (), dtype: Any = f32) -> Tensor:
        """A tensor of ones."""
        return self.full(shape, 1, dtype)

    def one(self, dtype: Any) -> Tensor:
        """The rank-0 one of this dtype, made once: where backward passes start."""
        return self._once(dtype, lambda: self.kept(TensorType((), dtype), 1))

    def _once(self, key: Any, make: Callable[[], Tensor]) -> Tensor:
        """`make()`, called once for each key."""
        found = self._made_once.get(key)
        if found is None:
            found = self._made_once[key] = make()
        return found

    def zeros_like(self, other: Tensor) -> Tensor:
        """Zeros of the shape and dtype of `other`, on this device."""
        return self.full(other.shape, 0, other.dtype)

    def ones_like(self, other: Tensor) -> Tensor:
        """Ones of the shape and dtype of `other`, on this device."""
        return self.full(other.shape, 1, other.dtype)

    def full_like(self, other: Tensor, value: Any) -> Tensor:
        """`value` in the shape and dtype of `other`, on this device."""
        return self.full(other.shape, value, other.dtype)

    def tensor(self, data: Any, dtype: Any = None) -> Tensor:
        """A tensor from nested lists, a scalar, an array or a tensor; a copy.

        Python floats become f32, ints i64, bools bool; arrays keep their dtype unless `dtype` is given.
        Raises `ShapeError` for ragged lists and ranks above 6, `DTypeError` for values that are no numbers.
        """
        if isinstance(data, Tensor):
            data = data.array()
        host = _host(data)
        if dtype is None:
            dtype = f32 if host.dtype == np.float64 and not _is_array(data) else dtype_of_numpy(host.dtype)
        type_ = self._checked("tensor", host.shape, dtype)
        if host.dtype != type_.dtype.numpy:
            host = _cast_host(host, type_.dtype)
        refuse("dev.tensor copies values in")
        host = np.array(host, order="C", copy=True)
        return self._made(type_, lambda: self.backend.primitive("copy_in", dtype=type_.dtype)(host))

    def generate(self, program: Any, shape: tuple[int, ...], scalars: tuple[Any, ...] = ()) -> Tensor:
        """A tensor whose elements are an expression of their index, of random words and of `scalars`."""
        type_ = TensorType(shape, program.out_dtypes[0])
        sig = Signature((), (type_,))
        return self._made(
            type_, lambda: self.backend.launch("map", sig, scalars, program=program, shape=shape, inplace=())
        )

    def build_module(self, spec: Any, dtype: Any = f32, input: Any = None) -> Any:
        """A built copy of a module specification (a tuple is a sequential one), with parameters on this device.

        * `input`: a shape such as `(None, 1, 28, 28)`; the whole model is then checked with it.

        Raises `ShapeError`, naming the module, where widths or channels do not fit.
        """
        if not MODULE_BUILDER:
            import importlib

            importlib.import_module("dfdx.nn")
        return MODULE_BUILDER[-1](self, spec, as_dtype(dtype), input)

    # ----- the device itself

    def seed(self, seed: int) -> None:
        """Restart the random numbers: key `seed`, counter 0."""
        self._seed, self._counter = int(seed) & 0xFFFFFFFFFFFFFFFF, 0

    @property
    def random_state(self) -> tuple[int, int]:
        """(key, counter): where the random numbers stand; can be set, to continue from there."""
        return self._seed, self._counter

    @random_state.setter
    def random_state(self, state: tuple[int, int]) -> None:
        key, counter = state
        self._seed, self._counter = int(key) & 0xFFFFFFFFFFFFFFFF, int(counter) & 0xFFFFFFFFFFFFFFFF

    def draw(self, words: int) -> tuple[int, int]:
        """(key, counter) of a draw of `words` 32-bit words; advances the counter by ceil(words / 4)."""
        return replayed(lambda: self._draw(words)) if recorders else self._draw(words)

    def _draw(self, words: int) -> tuple[int, int]:
        counter = self._counter
        self._counter = (counter + (words + 3) // 4) & 0xFFFFFFFFFFFFFFFF
        return self._seed, counter

    def synchronize(self) -> None:
        """Wait until all that was launched is done."""
        self.backend.primitive("synchronize")()

    def _optional(self, name: str, default: Any = None) -> Any:
        function = getattr(self.runtime, name, None)
        return function() if function is not None else default

    def empty_cache(self) -> None:
        """Give cached memory back to the system."""
        self._optional("empty_cache")

    def enable_cache(self) -> None:
        """Keep freed memory for reuse (the default)."""
        self._optional("enable_cache")

    def disable_cache(self) -> None:
        """Give freed memory back at once."""
        self._optional("disable_cache")

    def memory_stats(self) -> dict[str, int]:
        """Bytes in use and cached, as far as the backend counts them."""
        return dict(self._optional("memory_stats", {}))


class Cpu(Device):
    """The CPU: `dfdx.device("cpu")`."""

    __module__ = "dfdx"


class Cuda(Device):
    """A CUDA GPU: `dfdx.device("cuda")`, `"cuda:1"`."""

    __module__ = "dfdx"


class OpenCL(Device):
    """An OpenCL device: `dfdx.device("opencl")`, `"opencl:0"`."""

    __module__ = "dfdx"


# the classes by which type checkers tell devices apart; those of other plugins are `Device`
_CLASSES: dict[str, type[Device]] = {"cpu": Cpu, "cuda": Cuda, "opencl": OpenCL}


def _is_array(data: Any) -> bool:
    return isinstance(data, (np.ndarray, np.generic)) or hasattr(data, "__array__") or hasattr(data, "__dlpack__")


def _host(data: Any) -> np.ndarray[Any, Any]:
    try:
        host = np.asarray(data)
    except (ValueError, TypeError) as e:
        if hasattr(data, "__dlpack__"):
            from .dlpack import import_

            return import_(data)  # PyTorch's bf16, which it does not give to NumPy
        raise ShapeError(f"[tensor] the nested lists are ragged or hold no numbers: {e}") from None
    if host.dtype.kind not in "biuf" and host.dtype.name != "bfloat16":
        raise DTypeError(f"[tensor] values of type {host.dtype} are no numbers")
    return host


def _cast_host(host: np.ndarray[Any, Any], dtype: Any) -> np.ndarray[Any, Any]:
    if dtype.is_int and host.dtype.kind in "iu" and host.size:
        low, high = int(host.min()), int(host.max())
        info = np.iinfo(dtype.numpy)
        if low < info.min or high > info.max:
            raise DTypeError(
                f"[tensor] {low if low < info.min else high} does not fit {dtype.name} ({info.min} to {info.max})"
            )
    if (dtype.is_int and host.dtype.kind == "f") or (dtype is bool_ and host.dtype.kind != "b"):
        raise DTypeError(f"[tensor] {host.dtype} values do not convert to {dtype.name} silently; cast the array first")
    with np.errstate(over="ignore"):
        return host.astype(dtype.numpy)


def _fitting(op: str, value: Any, dtype: Any) -> Any:
    """A Python number that `dtype` can hold."""
    if not is_scalar(value):
        raise DTypeError(f"[{op}] takes a Python number, not {type(value).__name__}")
    value = value.item() if isinstance(value, np.generic) else value
    if dtype is bool_:
        return bool(value)
    if dtype.is_int:
        if isinstance(value, float) and not value.is_integer():
            raise DTypeError(f"[{op}] {value!r} is no {dtype.name}; use an int")
        value = int(value)
        info = np.iinfo(dtype.numpy)
        if not info.min <= value <= info.max:
            raise DTypeError(f"[{op}] {value} does not fit {dtype.name} ({info.min} to {info.max})")
        return value
    return float(value)


_backends: dict[int, Backend] = {}
_shared: dict[str, Device] = {}


def device(name: str, seed: int | None = None) -> Device:
    """The device of that name: "cpu", "cuda", "cuda:1", "opencl:0", or any plugin's name.

    Without a seed it is one shared object per name, seeded 0; with a seed a new object with its own counter.
    Raises `BackendUnavailable` with the reason where the hardware is missing, `DeviceError` for an unknown name.

    >>> import dfdx
    >>> dfdx.device("cpu") is dfdx.device("cpu")
    True
    """
    if not isinstance(name, str):
        raise DeviceError(f"[device] a device has a name, such as 'cpu'; got {name!r}")
    refuse("dfdx.device opens a device")
    if seed is None and name in _shared:
        return _shared[name]
    from .plugins.host import host

    opened = host().open(name)
    backend = _backends.get(id(opened))
    if backend is None:
        backend = _backends[id(opened)] = Backend(name, opened)
    made = _CLASSES.get(name.partition(":")[0], Device)
    if seed is not None:
        return made(backend, seed)
    return _shared.setdefault(name, made(backend))


def opened_backends() -> list[Backend]:
    """Every backend that is in use."""
    return list(_backends.values())


def auto_device() -> Device:
    """The first that works of: "cuda", "opencl" on a GPU, "cpu".

    >>> import dfdx
    >>> dfdx.auto_device().name in ("cuda", "opencl", "cpu")
    True
    """
    for name in ("cuda", "opencl"):
        try:
            found = device(name)
        except DeviceError:
            continue
        if name == "cuda" or getattr(found.backend.info, "kind", "") == "gpu":
            return found
    return device("cpu")


def devices() -> list[Any]:
    """A row per known backend, with `.name .state .reason .hint .package`; shown as a table.

    >>> import dfdx
    >>> [row.name for row in dfdx.devices() if row.state == "ready" and row.name in ("cpu", "null")]
    ['cpu', 'null']
    """
    from .plugins.host import host
    from .plugins.states import Records

    return Records(host().rows())
