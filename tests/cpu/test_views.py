"""Map kernels over views: whatever the strides, the bits are those of a row-major copy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dfdx
from dfdx.core.contract import Signature, TensorType, arg, f32, map_program, scalar
from dfdx.core.expr import functions as F

PROGRAMS = [
    (arg(0) + arg(1) * arg(2),),
    (F.exp(arg(0)) / arg(1), arg(2) - arg(1) * scalar(0)),
    (F.maximum(arg(0), arg(1)), arg(2)),
]


def _view(kind: int, shape: tuple[int, ...], rng) -> np.ndarray:
    normal = rng.standard_normal
    if kind == 1:
        return np.broadcast_to(normal([n if rng.random() < 0.5 else 1 for n in shape]).astype(np.float32), shape)
    if kind == 2:
        return normal([n + 2 for n in shape]).astype(np.float32)[tuple(slice(1, 1 + n) for n in shape)]
    if kind == 3:
        return normal(shape[::-1]).astype(np.float32).T
    if kind == 4:
        return np.broadcast_to(np.float32(rng.random()), shape)
    if kind == 5:
        return normal([2 * n for n in shape]).astype(np.float32)[tuple(slice(0, 2 * n, 2) for n in shape)]
    if kind == 6 and len(shape) == 4:
        return normal([shape[i] for i in (0, 2, 1, 3)]).astype(np.float32).swapaxes(1, 2)
    return normal(shape).astype(np.float32)


@given(
    st.lists(st.sampled_from([1, 2, 3, 7, 16, 33]), min_size=1, max_size=4).map(tuple),
    st.tuples(*[st.integers(0, 6)] * 3),
    st.sampled_from(PROGRAMS),
    st.integers(0, 99),
)
@settings(max_examples=80, deadline=None)
def test_bits_do_not_depend_on_strides(shape, kinds, outputs, seed):
    _agrees(shape, kinds, outputs, seed)


@pytest.mark.parametrize("kinds", [(6, 0, 0), (6, 1, 6), (2, 6, 4)])
def test_heads_before_tokens_are_read_as_they_lie(kinds):
    for outputs in PROGRAMS:
        _agrees((3, 4, 5, 16), kinds, outputs, 0)


@pytest.mark.parametrize("kinds", [(0, 1, 4), (2, 4, 0), (4, 4, 4)])
@pytest.mark.parametrize("shape", [(3, 33001), (120, 1000), (49152,)])
def test_long_rows_are_shared_among_threads(shape, kinds):
    for outputs in PROGRAMS:
        _agrees(shape, kinds, outputs, 0)


def _agrees(shape, kinds, outputs, seed):
    rng = np.random.default_rng(seed)
    views = [_view(k, shape, rng) for k in kinds]
    t = TensorType(shape, f32)
    program = map_program(outputs, (f32,) * 3, (f32,) * len(outputs), 1)
    backend = dfdx.device("cpu").backend
    kernel = backend.primitive(
        "map", Signature((t,) * 3, (t,) * len(outputs)), program=program, shape=shape, inplace=()
    )
    got, want = kernel(*views, 0.5), kernel(*[v.copy() for v in views], 0.5)
    pairs = zip(got, want, strict=True) if len(outputs) > 1 else [(got, want)]
    for x, y in pairs:
        assert x.shape == y.shape
        assert np.array_equal(x, y, equal_nan=True)


def test_a_view_is_overwritten_in_place():
    program = map_program((arg(0) + arg(1),), (f32, f32), (f32,), 0)
    t = TensorType((6, 8), f32)
    kernel = dfdx.device("cpu").backend.primitive(
        "map", Signature((t, t), (t,)), program=program, shape=(6, 8), inplace=(0,)
    )
    base = np.zeros((12, 16), np.float32)
    target, one = base[::2, ::2], np.ones((6, 8), np.float32)
    assert kernel(target, one) is target
    assert base.sum() == 48
    plain = np.zeros((6, 8), np.float32)
    assert kernel(plain, np.broadcast_to(np.float32(2), (6, 8))) is plain
    assert plain.sum() == 96
    plain.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        kernel(plain, one)


@pytest.mark.parametrize(
    "make", [lambda a: a.T, lambda a: np.broadcast_to(a[0, 0], (600, 700)), lambda a: a[::-1], lambda a: a[:, ::2]]
)
def test_large_views_are_copied_for_row_programs(make):
    base = np.random.default_rng(5).standard_normal((700, 1400)).astype(np.float32)
    view = make(base)
    t = TensorType(view.shape, f32)
    dev = dfdx.device("cpu")
    want = dev.tensor(np.ascontiguousarray(view)).softmax(-1).array()
    backend = dev.backend
    from dfdx.core.contract import expr, row_program

    shifted = expr.arg(0) - expr.row_max(expr.arg(0))
    e = F.exp(shifted)
    program = row_program((e / expr.row_sum(e),), (f32,), (f32,), 0, ("full",), ("full",))
    kernel = backend.primitive(
        "row", Signature((t,), (t,)), program=program, outer=view.shape[:1], inner=view.shape[1:]
    )
    assert np.array_equal(kernel(view), want)


@pytest.mark.parametrize("shape", [(5, 7), (33, 130), (3, 40000), (70000,)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "normalize", "layer_norm", "logsumexp"])
def test_the_gradient_of_a_sum_is_read_as_one_number(name, shape):
    dev, r = dfdx.device("cpu"), np.random.default_rng(1)
    x, *sides = [dev.tensor(r.standard_normal(s).astype(np.float32)) for s in (shape, shape[-1:], shape[-1:])]

    def gradients(weigh):
        grads = dfdx.Gradients.leaky()
        args = [t.traced(grads) for t in ([x, *sides] if name == "layer_norm" else [x])]
        y = getattr(args[0], name)(*args[1:])
        grads = weigh(y).sum().backward()
        return [grads.get(t).array() for t in args]

    plain, ones = gradients(lambda y: y), gradients(lambda y: y * dev.ones(y.shape))
    for a, b in zip(plain, ones, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("dtype", "fd")
def test_large_turned_views_become_row_major(dtype):
    r = np.random.default_rng(0)
    dev = dfdx.device("cpu")
    cases = [((600, 500), (1, 0)), ((1031, 517), (1, 0)), ((5, 333, 217), (0, 2, 1)), ((3, 4, 230, 170), (1, 0, 3, 2)), ((700, 9, 100), (1, 2, 0))]  # fmt: skip
    for shape, axes in cases:
        x = r.standard_normal(shape).astype(dtype)
        view = dev.tensor(x).permute(axes)
        np.testing.assert_array_equal((view.tanh() * 0.0 + view).array(), x.transpose(axes))
        kernel = dev.backend.primitive(
            "contiguous", Signature((TensorType(shape, view.dtype),), (TensorType(shape, view.dtype),))
        )
        got = kernel(x.transpose(axes)[..., 3:])
        assert got.flags.c_contiguous and np.array_equal(got, x.transpose(axes)[..., 3:])
