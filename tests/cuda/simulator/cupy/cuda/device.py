"""The current device and the handle of cuBLAS."""

from __future__ import annotations

from . import runtime

__all__ = ["Device", "get_cublas_handle"]


class Device:
    """The current device of this thread while a `with` block lasts."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __enter__(self) -> Device:
        self.former = runtime.getDevice()
        runtime.setDevice(self.index)
        return self

    def __exit__(self, *_: object) -> None:
        runtime.setDevice(self.former)


def get_cublas_handle() -> int:
    return 1 + runtime.getDevice()
