"""What a backend imports: everything here is public as `dfdx.core.contract` and versioned with the hooks.

A backend is a module of hook implementations under the entry-point group `dfdx.backends.v1`. It registers kernels: plain
functions `fn(*arrays_then_scalars, **attrs)` over its own array type. Arrays may be views with any strides, are never of
size zero, and are never changed except where `inplace` says so; results are new arrays, except those of views.

Primitives (attributes are keyword-only):

    empty(*, shape, dtype)              uninitialised
    fill(value, *, shape, dtype)        all elements alike
    copy_in(host, *, dtype)             from a contiguous NumPy array of dtype.numpy
    copy_out(a, *, dtype)               to a NumPy array
    copy(a)                             with storage of its own, row-major
    contiguous(a)                       itself if row-major, else a copy
    cast(a, *, dtype)                   floats to ints truncate and saturate, NaN to 0; to bool: is it not 0
    permute(a, *, axes)                 axis i of the result is axes[i] of a
    broadcast(a, *, shape, axes)        `axes` are the positions of the new dims in `shape`
    reshape(a, *, shape)                row-major; a view where the storage allows
    slice(a, *, starts, stops, steps)   positive steps
    map(*arrays_then_scalars, program, shape, inplace)
                                        one output array, or a tuple; output k may overwrite input inplace[k]
    reduce(a, *, kind, axes, dtype)     kind "sum" "prod" "max" "min"; axes removed; NaN propagates; f16 and bf16 add in f32
    matmul(a, b)                        (*batch, M, K) @ (*batch, K, N); f16 and bf16 accumulate in f32
    gather(a, index, *, axis)           out[b.., z.., t..] = a[b.., index[b.., z..], t..], b being the `axis` leading dims
    scatter_add(src, index, *, axis, size)   the inverse: zeros, to which src is added; repeated indices add
    concat(*arrays, axis)               along an existing axis
    random_bits(key, counter, *, count) u32 words of Philox4x32-10 from block `counter`
    synchronize()                       wait for all that was launched

Optional: `row(*arrays_then_scalars, program, outer, inner)` for softmax and its kin; `row_over(*arrays_then_scalars, program, axes)`,
which takes the arrays unturned where the reduced axes are not the last; and any op by name.

An op plugin (group `dfdx.ops.v1`) imports from here as well: `Elementwise`, `RowOp` or `Composite` make an op, `expr` has the functions
of the expression language, `apply` runs an op on tensors, `as_tensor`, `normalize_axis`, `shape_error`, `dtype_error`, `check_takes`
validate operands.
"""

from . import expr
from .cache import cache_folder
from .checks import dtype_error, normalize_axis, shape_error
from .dispatch import apply
from .dtypes import (
    DTYPES,
    FLOATS,
    INTS,
    DType,
    amp_bf16,
    amp_f16,
    bf16,
    bool_,
    f16,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
)
from .elementwise import Elementwise, check_takes
from .errors import BackendUnavailable, DeviceForkedError, MissingKernelError, OutOfMemoryError, PluginError
from .expr import (
    NATIVE,
    Expr,
    MapProgram,
    RowProgram,
    arg,
    cast,
    evaluate,
    evaluate_program,
    function_of,
    map_program,
    prepare,
    row_max,
    row_min,
    row_prod,
    row_program,
    row_sum,
    scalar,
    select,
    walk,
)
from .expr.functions import REDUCTIONS
from .expr.numpy_printer import compile_map, compile_row, quiet, reset_errors, set_quiet
from .ops._define import as_tensor
from .philox import philox_words
from .plugins.hookspecs import API, hookimpl
from .plugins.info import BackendInfo, Capabilities, Check, DeviceInfo, Expect
from .plugins.kernels import Kernel, KernelTable
from .registry import PRIMITIVES, Composite, OpSpec
from .rowops import RowOp
from .types import Signature, TensorType

__all__ = [
    "API", "BackendInfo", "BackendUnavailable", "Capabilities", "Check", "Composite", "DTYPES", "DType", "DeviceForkedError",
    "DeviceInfo", "Elementwise", "Expect", "Expr", "FLOATS", "INTS", "Kernel", "KernelTable", "MapProgram",
    "MissingKernelError", "NATIVE", "OpSpec", "OutOfMemoryError", "PRIMITIVES", "PluginError", "REDUCTIONS", "RowOp",
    "RowProgram", "Signature", "TensorType", "amp_bf16", "amp_f16", "apply", "arg", "as_tensor", "bf16", "bool_",
    "cache_folder", "cast", "check_takes", "compile_map", "compile_row", "dtype_error", "evaluate", "evaluate_program",
    "expr", "f16", "f32", "f64", "function_of", "hookimpl", "i16", "i32", "i64", "i8", "map_program", "normalize_axis",
    "philox_words", "prepare", "quiet", "reset_errors", "row_max", "row_min", "row_prod", "row_program", "row_sum", "scalar",
    "select", "set_quiet", "shape_error", "u16", "u32", "u64", "u8", "walk",
]  # fmt: skip
