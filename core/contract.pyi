"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .. import Tensor
from . import expr as expr
from .cache import cache_folder as cache_folder
from .cell import Cell as Cell
from .dtypes import DTYPES as DTYPES
from .dtypes import FLOATS as FLOATS
from .dtypes import INTS as INTS
from .dtypes import DType as DType
from .dtypes import amp_bf16 as amp_bf16
from .dtypes import amp_f16 as amp_f16
from .dtypes import bf16 as bf16
from .dtypes import bool_ as bool_
from .dtypes import f16 as f16
from .dtypes import f32 as f32
from .dtypes import f64 as f64
from .dtypes import i8 as i8
from .dtypes import i16 as i16
from .dtypes import i32 as i32
from .dtypes import i64 as i64
from .dtypes import u8 as u8
from .dtypes import u16 as u16
from .dtypes import u32 as u32
from .dtypes import u64 as u64
from .elementwise import Elementwise as Elementwise
from .errors import BackendUnavailable as BackendUnavailable
from .errors import DeviceForkedError as DeviceForkedError
from .errors import MissingKernelError as MissingKernelError
from .errors import OutOfMemoryError as OutOfMemoryError
from .errors import PluginError as PluginError
from .expr import NATIVE as NATIVE
from .expr import Expr as Expr
from .expr import MapProgram as MapProgram
from .expr import RowProgram as RowProgram
from .expr import arg as arg
from .expr import cast as cast
from .expr import evaluate as evaluate
from .expr import evaluate_program as evaluate_program
from .expr import function_of as function_of
from .expr import map_program as map_program
from .expr import prepare as prepare
from .expr import row_max as row_max
from .expr import row_min as row_min
from .expr import row_prod as row_prod
from .expr import row_program as row_program
from .expr import row_sum as row_sum
from .expr import scalar as scalar
from .expr import select as select
from .expr import walk as walk
from .expr.functions import REDUCTIONS as REDUCTIONS
from .expr.numpy_printer import compile_map as compile_map
from .expr.numpy_printer import compile_row as compile_row
from .expr.numpy_printer import quiet as quiet
from .expr.numpy_printer import reset_errors as reset_errors
from .expr.numpy_printer import set_quiet as set_quiet
from .launches import Launch as Launch
from .launches import Slot as Slot
from .philox import philox_words as philox_words
from .plan import Plan as Plan
from .plugins.hookspecs import API as API
from .plugins.hookspecs import hookimpl as hookimpl
from .plugins.info import BackendInfo as BackendInfo
from .plugins.info import Capabilities as Capabilities
from .plugins.info import Check as Check
from .plugins.info import DeviceInfo as DeviceInfo
from .plugins.info import Expect as Expect
from .plugins.kernels import Kernel as Kernel
from .plugins.kernels import KernelTable as KernelTable
from .registry import PRIMITIVES as PRIMITIVES
from .registry import Composite as Composite
from .registry import OpSpec as OpSpec
from .rowops import RowOp as RowOp
from .rowops import row_gradient as row_gradient
from .straight import compiled as compiled
from .straight import dropping as dropping
from .tape import Tape as Tape
from .tensor import next_id as next_id
from .tensor import next_serial as next_serial
from .types import Signature as Signature
from .types import TensorType as TensorType

__all__ = ["API", "BackendInfo", "BackendUnavailable", "Capabilities", "Cell", "Check", "Composite", "DTYPES", "DType", "DeviceForkedError", "DeviceInfo", "Elementwise", "Expect", "Expr", "FLOATS", "INTS", "Kernel", "KernelTable", "Launch", "MapProgram", "MissingKernelError", "NATIVE", "OpSpec", "OutOfMemoryError", "PRIMITIVES", "Plan", "PluginError", "REDUCTIONS", "RowOp", "RowProgram", "Signature", "Slot", "Tape", "Tensor", "TensorType", "amp_bf16", "amp_f16", "apply", "arg", "as_tensor", "bf16", "bool_", "cache_folder", "cast", "check_takes", "compile_map", "compiled", "compile_row", "dropping", "dtype_error", "evaluate", "evaluate_program", "expr", "f16", "f32", "f64", "function_of", "hookimpl", "i16", "i32", "i64", "i8", "map_program", "next_id", "next_serial", "normalize_axis", "philox_words", "prepare", "quiet", "reset_errors", "row_max", "row_min", "row_prod", "row_gradient", "row_program", "row_sum", "scalar", "select", "set_quiet", "shape_error", "u16", "u32", "u64", "u8", "walk"]

def dtype_error(op: str, what: str, operands: dict[str, Tensor], hint: str = ...) -> Any: ...
def normalize_axis(op: str, axis: Any, rank: int, tensor: Tensor | None = ..., name: str = ...) -> int: ...
def shape_error(op: str, what: str, operands: dict[str, Tensor], facts: dict[str, Any] | None = ..., hint: str = ...) -> Any: ...
def apply(spec: Any, tensors: tuple[Tensor, ...], attrs: tuple[Any, ...] = ..., scalars: tuple[Any, ...] = ...) -> Any: ...
def check_takes(op: str, takes: str, tensors: Sequence[Tensor]) -> None: ...
def as_tensor(op: str, x: Any) -> Tensor: ...
