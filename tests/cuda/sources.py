"""Every kernel source that the project generates for CUDA: the conformance kit's samples, run on an engine that only records."""

from __future__ import annotations

import functools
import operator
import re
from types import SimpleNamespace
from typing import Any

import numpy as np

import dfdx
from dfdx.backends import clike
from dfdx.backends.clike.engine import Engine, Source, Target, header
from dfdx.backends.clike.memory import Copier
from dfdx.conformance.info import ENTRIES, takes
from dfdx.core.contract import Capabilities, DeviceInfo
from dfdx.core.device import Backend, Device
from dfdx.core.plugins.kernels import KernelTable

__all__ = ["STORED", "Recorder", "collect", "joined", "nvrtc"]

STORED = tuple(name for name, d in dfdx.DTYPES.items() if not d.is_amp)  # amp dtypes have the kernels of their storage


class Recorder(Engine):
    """Keeps the sources that it is asked to run; computes nothing, and reads zeros."""

    fork_safe = True

    def __init__(self) -> None:
        self.target = Target(cpu=False, group=256, lanes=32, local_bytes=32768, vector=1, units=8 * 132)
        self.sources: dict[Source, None] = {}
        self.copier = Copier(self)

    def allocate(self, nbytes: int) -> Any:
        return object()

    def prepare(self, launch: Any) -> Any:
        self.sources.setdefault(launch.source)
        return lambda arrays, scalars=(): None

    def fastest(self, key: str, launches: Any, arrays: Any) -> Any:
        calls = [self.prepare(launch) for launch in launches]
        return calls[0]

    def write(self, a: Any, host: Any) -> None:
        """Nothing is stored."""

    def read(self, a: Any, host: Any) -> None:
        host[...] = np.zeros((), host.dtype)

    def synchronize(self) -> None:
        """Nothing runs."""


def recording_device() -> tuple[Device, Recorder]:
    engine, table = Recorder(), KernelTable()
    clike.register(table, engine)
    opened = SimpleNamespace(
        runtime=engine, kernels=table, capabilities=Capabilities(synchronous=False), info=DeviceInfo(0), record=None
    )
    return Device(Backend("recorder", opened)), engine


def collect(dtypes: tuple[str, ...], only: tuple[str, ...] = ()) -> list[Source]:
    """The sources of forward and backward passes of every op of the kit (or of some), and of one step of every optimizer."""
    import dfdx.conformance.database  # fills ENTRIES

    dev, engine = recording_device()
    for (kind, _), entry in list(ENTRIES.items()):
        for name in dtypes if not only or entry.name in only else ():
            dtype = dfdx.DTYPES[name]
            if kind in ("op", "primitive") and takes(entry, dtype):
                for sample in entry.samples:
                    if sample.takes(dtype) and sample.level != "exhaustive":
                        _run(entry, sample, dtype, dev)
            if kind == "optimizer" and dtype.is_float:
                _step(entry, dtype, dev)
    return list(engine.sources)


def _run(entry: Any, sample: Any, dtype: Any, dev: Device) -> None:
    if entry.maker:
        entry.function(dev, dtype, **sample.kwargs)
        return
    hosts = sample.arrays(entry.name, dtype)
    tensors = [dev.tensor(h, i.dtype or dtype) for h, i in zip(hosts, sample.inputs, strict=True)]
    entry.function(*tensors, **sample.kwargs)
    if not entry.grad or not any(t.dtype.is_float for t in tensors):
        return
    first = next(i for i, t in enumerate(tensors) if t.dtype.is_float and i not in entry.constants)
    traced = [t.traced() if i == first else t for i, t in enumerate(tensors)]
    out = entry.function(*traced, **sample.kwargs)
    parts = [o.sum() for o in (out if isinstance(out, (tuple, list)) else (out,)) if o.dtype.is_float]
    loss = functools.reduce(operator.add, parts)
    if loss.owns_tape:
        loss.backward()


def _step(entry: Any, dtype: Any, dev: Device) -> None:
    model = dev.build_module(dfdx.nn.Linear(8, 4), dtype)
    loss = model(dev.ones((2, 8), dtype).traced(model.alloc_grads())).mean()
    entry.make(model).update(model, loss.backward())


def joined(sources: list[Source]) -> str:
    """One translation unit: each kernel under a name and in a namespace of its own."""
    parts = [header()]
    for i, s in enumerate(sources):
        text, n = re.subn(rf"\b{re.escape(s.name)}\(", f"{s.name}_{i}(", s.text)
        assert n, s.name
        defined = re.findall(r"^#define (\w+)", text, re.M)
        parts.append(f"namespace k{i} {{\n{text}\n}}\n" + "".join(f"#undef {d}\n" for d in defined))
    return "\n".join(parts)


def nvrtc(text: str, arch: str, verbose: bool = False) -> tuple[bytes, str]:
    """(machine code for sm_NN, PTX for compute_NN; the compiler's log); raises with the log where it does not compile."""
    from cuda.bindings import nvrtc as rt

    from dfdx.backends.cuda import OPTIONS

    def call(answer: Any) -> Any:
        code, *rest = answer
        assert int(code) == 0, code
        return rest[0] if rest else None

    program = call(rt.nvrtcCreateProgram(text.encode(), b"kernels.cu", 0, [], []))
    options = [f"--gpu-architecture={arch}", *OPTIONS, *(["--ptxas-options=-v"] if verbose else [])]
    (status,) = rt.nvrtcCompileProgram(program, len(options), [o.encode() for o in options])
    log = b" " * call(rt.nvrtcGetProgramLogSize(program))
    call(rt.nvrtcGetProgramLog(program, log))
    log_text = log.decode(errors="replace").rstrip(" \0\n")
    if int(status):
        raise RuntimeError(f"NVRTC for {arch}: {log_text[:4000]}")
    size, get = (
        (rt.nvrtcGetCUBINSize, rt.nvrtcGetCUBIN) if arch.startswith("sm_") else (rt.nvrtcGetPTXSize, rt.nvrtcGetPTX)
    )
    code = b" " * call(size(program))
    call(get(program, code))
    return code, log_text
