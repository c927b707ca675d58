"""What a device as a whole owes: copies, dtypes, random streams, threads, forks, memory, and errors across devices."""

from __future__ import annotations

import gc
import os
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core.device import device as open_device
from ...core.dtypes import DTYPES
from ...core.errors import DeviceForkedError, DeviceMismatchError, DTypeError
from ..accuracy import same_bits, to_host
from ..info import DeviceInfo, add
from .make import SEED, seeded, uniform_f32

Wrong = Iterator[tuple[str, str | None]]


def _round_trips(dev: Any) -> Wrong:
    """Every bit pattern of every dtype comes back; also nothing, one, and many elements."""
    rng = np.random.default_rng(3)
    for d in DTYPES.values():
        if not dev.supports(d):
            continue
        raw = rng.integers(0, 256, (4099, d.itemsize), np.uint8)
        a = raw[:, 0] % 2 == 1 if d.kind == "bool" else raw.reshape(-1).view(d.numpy)
        for name, v in (
            ("nothing", a[:0]),
            ("one", a[:1].reshape(())),
            ("many", a),
            ("a matrix", a[:4096].reshape(64, 64)),
        ):
            t = dev.tensor(v, d)
            ok = t.shape == v.shape and same_bits(to_host(t), v)
            yield f"{d.name}, {name}", "" if ok else "the values that come back are others"


def _dtypes(dev: Any) -> Wrong:
    """A dtype that the device does not declare is refused by name."""
    for d in DTYPES.values():
        if dev.supports(d):
            continue
        try:
            dev.zeros((2,), d)
        except DTypeError as e:
            yield d.name, "" if d.name in str(e) else f"the message does not name it: {e}"
        else:
            yield d.name, f"{d.name} is not declared, but a tensor of it was made"


def _streams(dev: Any) -> Wrong:
    """A seed gives one stream; each draw goes on where the last one ended, at a whole block."""

    def drawn(dev: Any) -> tuple[Any, Any, Any]:
        first, second = to_host(dev.sample_uniform((5,))), to_host(dev.sample_uniform((3,)))
        dev.seed(SEED)
        return first, second, to_host(dev.sample_uniform((5,)))

    first, second, again = seeded(drawn)(dev)
    yield (
        "the bits of Philox",
        ""
        if np.array_equal(first, uniform_f32(5).astype(np.float32))
        else "they differ from the published generator's",
    )
    yield (
        "the next draw",
        ""
        if np.array_equal(second, uniform_f32(3, 2).astype(np.float32))
        else "five words use two blocks; the next draw starts at the third",
    )
    yield "the same seed", "" if same_bits(first, again) else "seeding again gives another stream"
    own = open_device(dev.name, seed=SEED)
    yield (
        "a device of its own seed",
        "" if same_bits(to_host(own.sample_uniform((5,))), first) else "it has another stream",
    )


def _objects(dev: Any) -> Wrong:
    """Device objects of one name are equal, and their tensors mix."""
    other = open_device(dev.name, seed=1)
    total = dev.ones((2,)) + other.ones((2,))
    yield "sum across two objects", "" if other == dev and to_host(total).tolist() == [2.0, 2.0] else "they do not mix"


def _threads(dev: Any) -> Wrong:
    """Four threads that compute at once get what one gets."""
    x = dev.tensor(np.random.default_rng(0).standard_normal((40, 50)).astype(np.float32))

    def work() -> Any:
        return to_host((x @ x.permute((1, 0))).softmax(-1).sum(0))

    for _ in range(6):
        alone = work()
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.extend(work() for _ in range(5))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    same = len(found) == 20 and all(np.allclose(f, alone, 1e-5, 1e-6) for f in found)
    yield "four at once", "" if same else f"{len(found)} of 20 results came, not all of them right"


def _forks(dev: Any) -> Wrong:
    """A forked child gets `DeviceForkedError`, unless the runtime says that it survives a fork."""
    if not hasattr(os, "fork") or getattr(dev.runtime, "fork_safe", False):
        yield "a forked child", None
        return
    dev.ones((2,)).array()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this process has threads
        child = os.fork()
    if child == 0:
        try:
            dev.ones((2,)).array()
        except DeviceForkedError:
            os._exit(0)
        except BaseException:
            os._exit(2)
        os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    yield (
        "a forked child",
        {0: "", 1: "it used the device without an error"}.get(code, f"it ended with {code}, without DeviceForkedError"),
    )


def _memory(dev: Any) -> Wrong:
    """What is freed is free: bytes in use return to what they were."""
    gc.collect()
    before = dev.memory_stats().get("in_use")
    if before is None:
        yield "bytes in use", None
        return
    for _ in range(20):
        t = dev.ones((64, 1024)) + 1.0
        t.sum().item()
    del t
    gc.collect()
    dev.synchronize()
    after = dev.memory_stats()["in_use"]
    yield (
        "bytes in use",
        "" if after <= before + 4096 else f"{after - before} bytes are still in use after everything was dropped",
    )
    dev.empty_cache()
    yield (
        "after empty_cache",
        "" if to_host(dev.ones((3,)) + 1.0).tolist() == [2.0] * 3 else "it computes something else",
    )


def _mixed(dev: Any) -> Wrong:
    """Operands of two devices are refused, naming both."""
    other = open_device("null" if dev.name != "null" else "cpu")
    try:
        dev.ones((2,)) + other.ones((2,))
    except DeviceMismatchError as e:
        yield (
            "two devices",
            "" if dev.name in str(e) and other.name in str(e) else f"the message does not name both: {e}",
        )
    else:
        yield "two devices", "tensors of two devices were added"


for _name, _check in (("round trips", _round_trips), ("undeclared dtypes", _dtypes), ("random streams", _streams), ("device objects", _objects), ("threads", _threads),
                      ("forks", _forks), ("memory", _memory), ("mixed devices", _mixed)):  # fmt: skip
    add(DeviceInfo(_name, _check))
