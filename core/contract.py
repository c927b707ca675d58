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

Optional kernels go under the name of their op; without one core runs its expression or composite body. They too get views of any
strides (broadcast ones have stride 0; `registry.kernel(name, contiguous=True)` asks for row-major copies), nothing of size zero, and
return new arrays. N, C, H, W are an image's dims, O and OH, OW those of the result; `stride` and its kin are pairs of ints.

    row(*arrays_then_scalars, program, outer, inner)
                                        a row program over arrays of outer + inner dims ("full" in program.in_kinds), of the outer
                                        ("row"), of the inner ("col"), or of none ("scalar"); one array, or a tuple
    row_over(*arrays_then_scalars, program, axes)
                                        the same with the arrays unturned, where the reduced axes are not the last
    <elementwise op>(*arrays_then_scalars), <row op>(*arrays_then_scalars, axes)
                                        such as relu, add_scalar, softmax: instead of `map` and `row`
    sum prod max min(a, *, axes)        instead of `reduce`
    linear(x, weight[, bias])           x (.., in) weight^T (out, in) + bias (out)
    conv2d(x, weight, *, stride, padding, dilation, groups)
                                        x (N, C, H, W), weight (O, C/groups, KH, KW); (N, O, OH, OW); sums in f32 or wider
    conv2d_input(g, weight, *, size, stride, padding, dilation, groups)
                                        g (N, O, OH, OW); (N, C, *size), the gradient of conv2d by x
    conv2d_weight(x, g, *, kernel, stride, padding, dilation, groups)
                                        (O, C/groups, *kernel), the gradient of conv2d by its weight
    pool2d(x, *, kind, kernel, stride, padding, dilation)
                                        kind "avg" (the padding counts), "max", "min" (it never wins); NaN propagates
    upscale2d(x, *, size, method)       "nearest": row i * H // OH; "bilinear": corners aligned, size 1 takes row 0
    attention(q, k, v[, mask], *, causal, scale)
                                        softmax(q k^T scale + mask) v over (.., M, D), (.., N, D), (.., N, E), mask (.., M, N) often a
                                        broadcast view; a row that sees nothing gives 0
    unslice(a, *, shape, starts, steps) zeros with a at start, start + step, ...
    unstack(a, *, axis)                 a tuple of the parts, without the axis
    cumsum(a, *, axis)                  bools give i64; f16 and bf16 add in f32
    argmax(a, *, axis), argmin          i64: the first, a NaN before all; axis dropped
    argsort(a, *, axis, descending)     i64, stable in both directions, NaN the largest; without it core sorts on the host
    <op>.backward(g, *saved_then_scalars, needs, **attributes of the op)
                                        all of an op's gradient in one kernel: `saved` are the op's `saves` in order (`OPS[op].saves`:
                                        input positions, "out" the result), `needs` a bool per input; a sequence of the gradients that
                                        are needed, in order. For linear, pool2d, attention, softmax, ...; the convolutions' are ops.

A runtime may have a method `replay(launches, given, wanted)` for captured steps (`dfdx.capture`), where a driver replays by itself
(a graph, a command list). `launches` are `Launch`es in order; `given` numbers the arrays that each replay brings (arguments,
parameters, constants), `wanted` those that it takes. It returns a function (arrays, numbers) -> arrays: the given ones in order and the
numbers that `Slot`s name, to the wanted ones, each in memory of its own, except where a launch overwrote an input; or None, and core
replays the launches one by one.

A runtime may have a method `short_call(spec, slow, operands, scalars, has_attrs)`: a callable that does what the text of `core.calls`
does, in less time, or None. It is asked once an op has been called often.

`fn(signature, **attributes)` of a kernel with `specialize=True` may return NotImplemented for what it does not take.

An op plugin (group `dfdx.ops.v1`) imports from here as well: `Elementwise`, `RowOp` or `Composite` make an op, `expr` has the functions
of the expression language, `apply` runs an op on tensors, `as_tensor`, `normalize_axis`, `shape_error`, `dtype_error`, `check_takes`
validate operands.
"""

from . import expr
from .cache import cache_folder
from .cell import Cell
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
from .launches import Launch, Slot
from .ops._define import as_tensor
from .philox import philox_words
from .plan import Plan
from .plugins.hookspecs import API, hookimpl
from .plugins.info import BackendInfo, Capabilities, Check, DeviceInfo, Expect
from .plugins.kernels import Kernel, KernelTable
from .registry import PRIMITIVES, Composite, OpSpec
from .rowops import RowOp, row_gradient
from .straight import compiled, dropping
from .tape import Tape
from .tensor import Tensor, next_id, next_serial
from .types import Signature, TensorType

__all__ = [
    "API", "BackendInfo", "BackendUnavailable", "Capabilities", "Cell", "Check", "Composite", "DTYPES", "DType", "DeviceForkedError",
    "DeviceInfo", "Elementwise", "Expect", "Expr", "FLOATS", "INTS", "Kernel", "KernelTable", "Launch", "MapProgram",
    "MissingKernelError", "NATIVE", "OpSpec", "OutOfMemoryError", "PRIMITIVES", "Plan", "PluginError", "REDUCTIONS", "RowOp",
    "RowProgram", "Signature", "Slot", "Tape", "Tensor", "TensorType", "amp_bf16", "amp_f16", "apply", "arg", "as_tensor", "bf16", "bool_",
    "cache_folder", "cast", "check_takes", "compile_map", "compiled", "compile_row", "dropping", "dtype_error", "evaluate", "evaluate_program",
    "expr", "f16", "f32", "f64", "function_of", "hookimpl", "i16", "i32", "i64", "i8", "map_program", "next_id", "next_serial", "normalize_axis",
    "philox_words", "prepare", "quiet", "reset_errors", "row_max", "row_min", "row_prod", "row_gradient", "row_program", "row_sum", "scalar",
    "select", "set_quiet", "shape_error", "u16", "u32", "u64", "u8", "walk",
]  # fmt: skip
