"""Calls that must be refused, and laws that hold bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core.dtypes import DType
from ...core.errors import DfdxError
from ..accuracy import same_bits, to_host
from ..info import OpInfo
from ..samples import Sample
from .finding import Finding, message

__all__ = ["check_errors", "check_laws"]


def check_errors(entry: Any, dtype: type[DType], dev: Any) -> Iterator[Finding]:
    """Each error sample raises the right class, and its message names what it should."""
    for e in entry.errors:
        f = Finding(entry.kind, entry.name, entry.family, dtype.name, e.name, "errors")
        if (e.synchronous and not dev.capabilities.synchronous) or not _possible(e, dev):
            f.status = "n/a"
        else:
            f.detail = _refusal(e, dev)
            f.status = "fail" if f.detail else "pass"
        yield f


def _possible(e: Any, dev: Any) -> bool:
    """Whether the sample's own dtypes exist on the device: they are named in the words it must say."""
    names = [w.partition("[")[0] for w in e.words if "[" in w[1:]]
    from ...core.dtypes import DTYPES

    return all(dev.supports(n) for n in names if n in DTYPES)


def _refusal(e: Any, dev: Any) -> str:
    """What is wrong with the refusal; nothing if it is as it should be."""
    try:
        out = e.call(dev)
    except e.error as raised:
        missing = [w for w in e.words if w not in str(raised)]
        return f"the message does not say {', '.join(map(repr, missing))}: {raised}" if missing else ""
    except Exception as raised:
        return f"raised {message(raised)}, not {e.error.__name__}"
    return f"no error: it gave {type(out).__name__} {getattr(out, 'shape', '')}; wanted {e.error.__name__}"


def check_laws(entry: OpInfo, dtype: type[DType], sample: Sample, dev: Any) -> Iterator[Finding]:
    """Both sides of each law on one sample's inputs."""
    for law in entry.laws:
        if law.dtypes and ("int" if dtype.is_int else dtype.kind) not in law.dtypes.split():
            continue
        f = Finding(entry.kind, entry.name, entry.family, dtype.name, sample.name, f"law: {law.name}")
        inputs = [
            dev.tensor(h, i.dtype or dtype)
            for h, i in zip(sample.arrays(entry.name, dtype), sample.inputs, strict=True)
        ]
        try:
            left, right = (to_host(side(*inputs, **sample.kwargs)) for side in (law.left, law.right))
        except DfdxError as e:
            f.status, f.detail = "error", message(e)
        else:
            if not same_bits(left, right):
                f.status, f.detail = "fail", "the two sides differ"
        yield f
