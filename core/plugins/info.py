"""What a backend says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..dtypes import DTYPES

__all__ = ["BackendInfo", "Capabilities", "Check", "DeviceInfo", "Expect"]


@dataclass(frozen=True)
class BackendInfo:
    """Static facts: the (major, minor) of the backend contract it was written for, a summary, an address."""

    api: tuple[int, int]
    summary: str = ""
    url: str = ""


@dataclass(frozen=True)
class DeviceInfo:
    """One usable device: index, name, memory in bytes (None: unknown), driver, and kind ("cpu", "gpu", "accelerator")."""

    index: int = 0
    name: str = ""
    memory: int | None = None
    driver: str = ""
    kind: str = "cpu"


@dataclass(frozen=True)
class Capabilities:
    """What a device can do; the kit asks for no more.

    * `dtypes`: that it stores and computes. Default: all.
    * `deterministic`: the same call gives the same bits twice. Default: yes.
    * `synchronous`: an error shows at the call, so that an index out of range is an `IndexError`. Default: yes.
    * `subnormals`: its float functions keep subnormal numbers; one that flushes them to zero says no. Default: yes.
    * `ulp`: accuracy of elementwise functions where it is worse than the OpenCL full-profile minima.
    """

    dtypes: frozenset[Any] = frozenset(DTYPES.values())
    deterministic: bool = True
    synchronous: bool = True
    ulp: Mapping[str, float] = field(default_factory=dict)
    subnormals: bool = True


@dataclass(frozen=True)
class Check:
    """One finding of `dfdx doctor`: what was looked at, whether it is well, details, and what to do."""

    name: str
    ok: bool
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Expect:
    """A failure that the backend expects, matched by the fields that are given; strict, and never without a reason."""

    op: str
    reason: str
    dtype: str | None = None
    check: str | None = None
    sample: str | None = None
    url: str | None = None
