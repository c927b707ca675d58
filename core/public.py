"""The public names of core, as `import dfdx` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import backward as _backward  # noqa: F401
from . import errors as _errors
from . import format as _format  # noqa: F401
from . import ops as _ops  # noqa: F401
from . import static as _static
from . import tracing as _tracing  # noqa: F401
from .capture import capture
from .device import Cpu, Cuda, Device, OpenCL, auto_device, device, devices
from .dtypes import DTYPES, DType, amp_bf16, amp_f16, bf16, bool_, f16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64
from .errors import *  # noqa: F403
from .gradients import Gradients
from .inplace import axpy, copy_from, copy_into, fill_with_distr, fill_with_ones, fill_with_zeros
from .interop import from_dlpack
from .ops._define import FUNCTIONS as _FUNCTIONS
from .plugins.hookspecs import hookimpl
from .static import *  # noqa: F403
from .tape import Tape
from .tensor import Tensor, method

bool = bool_
if TYPE_CHECKING:  # the ops

    def __getattr__(name: str) -> Any: ...


for _writer in (axpy, copy_from, copy_into, fill_with_distr, fill_with_ones, fill_with_zeros):
    method(_writer)
globals().update({n: f for n, f in _FUNCTIONS.items() if not n.startswith("_")})

__all__ = [
    *_errors.__all__, *_static.__all__, "Cpu", "Cuda", "DTYPES", "DType", "Device", "Gradients", "OpenCL", "Tape", "Tensor", "amp_bf16", "amp_f16", "auto_device", "capture",
    "bf16", "bool", "device", "devices", "f16", "f32", "f64", "from_dlpack", "hookimpl", "i16", "i32", "i64", "i8", "u16", "u32",
    "u64", "u8", *sorted(n for n in _FUNCTIONS if not n.startswith("_")),
]  # fmt: skip
