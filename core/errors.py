"""Every error that dfdx raises on purpose.

    DfdxError
    ├── ShapeError(ValueError)
    ├── DTypeError(TypeError)
    ├── DeviceError
    │   ├── DeviceMismatchError
    │   ├── BackendUnavailable
    │   ├── MissingKernelError(NotImplementedError)
    │   ├── OutOfMemoryError(MemoryError)
    │   └── DeviceForkedError
    ├── TapeError
    │   ├── NoTapeError
    │   └── TapeMovedError
    ├── GradientError
    │   ├── MissingGradientError
    │   └── UnusedParamsError
    ├── CheckpointError
    └── PluginError

An index out of range is Python's own `IndexError`, as for a list.
"""

from __future__ import annotations

__all__ = [
    "DfdxError", "ShapeError", "DTypeError", "DeviceError", "DeviceMismatchError", "BackendUnavailable",
    "MissingKernelError", "OutOfMemoryError", "DeviceForkedError", "TapeError", "NoTapeError", "TapeMovedError",
    "GradientError", "MissingGradientError", "UnusedParamsError", "CheckpointError", "PluginError",
]  # fmt: skip


class DfdxError(Exception):
    """Root of the tree."""


class ShapeError(DfdxError, ValueError):
    """Shapes, ranks, axes or sizes that do not fit an op or a module."""


class DTypeError(DfdxError, TypeError):
    """A dtype that an op does not take, or operands of different dtypes."""


class DeviceError(DfdxError):
    """Anything about a device."""


class DeviceMismatchError(DeviceError):
    """Operands on different devices."""


class BackendUnavailable(DeviceError):
    """The plugin is fine, the machine lacks the hardware or the driver.

    Arguments: `reason` what is missing; `hint` what the user can do about it.
    """

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(f"{reason} (hint: {hint})" if hint else reason)
        self.reason, self.hint = reason, hint

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.reason, self.hint)


class MissingKernelError(DeviceError, NotImplementedError):
    """Neither a kernel nor a composite body for this op, device and dtype."""


class OutOfMemoryError(DeviceError, MemoryError):
    """The device has no memory left, also after its cache was emptied."""


class DeviceForkedError(DeviceError):
    """A device that was used before a fork, used again in the child."""


class TapeError(DfdxError):
    """A tape used against its rules."""


class NoTapeError(TapeError):
    """`backward()` on a tensor that was never traced."""


class TapeMovedError(TapeError):
    """The tape of this tensor moved on to another op's result."""


class GradientError(DfdxError):
    """A gradient that cannot be given."""


class MissingGradientError(GradientError, KeyError):
    """No gradient is stored for this tensor."""

    __str__ = Exception.__str__  # KeyError would print the quoted repr


class UnusedParamsError(GradientError):
    """Trainable parameters that received no gradient."""


class CheckpointError(DfdxError):
    """A checkpoint that does not fit or cannot be read."""


class PluginError(DfdxError):
    """A plugin that broke its contract."""


for _name in __all__:
    globals()[_name].__module__ = "dfdx"
