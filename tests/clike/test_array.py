"""Views and collapsed layouts, against NumPy's own strides."""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dfdx.backends.clike.array import Array, collapse, dense_strides
from dfdx.core.contract import f32

DIMS = st.lists(st.integers(1, 4), min_size=0, max_size=5).map(tuple)


def dense(shape):
    return Array(np.arange(prod(shape), dtype="f4"), 0, shape, dense_strides(shape), f32)


def as_numpy(a: Array):
    return np.lib.stride_tricks.as_strided(a.buffer[a.offset :], a.shape, [4 * s for s in a.strides])


@given(DIMS, st.data())
def test_views_are_numpys_views(shape, data):
    a, x = dense(shape), np.arange(prod(shape), dtype="f4").reshape(shape)
    for _ in range(3):
        axes = data.draw(st.permutations(range(len(a.shape))))
        a, x = a.permute(axes), x.transpose(axes)
        starts = tuple(data.draw(st.integers(0, n - 1)) for n in a.shape)
        steps = tuple(data.draw(st.integers(1, 3)) for _ in a.shape)
        a = a.slice(starts, a.shape, steps)
        x = x[tuple(slice(b, None, s) for b, s in zip(starts, steps, strict=True))]
    assert a.shape == x.shape
    np.testing.assert_array_equal(as_numpy(a), x)


@given(DIMS, st.data())
def test_a_broadcast_view_repeats(shape, data):
    at = data.draw(st.integers(0, len(shape)))
    n = data.draw(st.integers(1, 3))
    wide = (*shape[:at], n, *shape[at:])
    a = dense(shape).broadcast(wide, (at,))
    np.testing.assert_array_equal(as_numpy(a), np.broadcast_to(np.expand_dims(as_numpy(dense(shape)), at), wide))


@given(DIMS, st.data())
def test_a_reshape_is_a_view_only_where_it_is_right(shape, data):
    axes = data.draw(st.permutations(range(len(shape))))
    a = dense(shape).permute(axes)
    target, left = [], prod(shape)
    while left > 1:
        n = data.draw(st.sampled_from([d for d in range(1, left + 1) if left % d == 0]))
        target.append(n)
        left //= n
        if len(target) == 6 and left > 1:
            target[-1] *= left
            break
    view = a.reshape(tuple(target))
    if view is not None:
        np.testing.assert_array_equal(as_numpy(view), as_numpy(a).reshape(target))
    if a.dense:
        assert view is not None


@given(DIMS, st.data())
def test_collapsing_walks_the_same_elements(shape, data):
    axes = data.draw(st.permutations(range(len(shape))))
    a = dense(tuple(shape[i] for i in np.argsort(axes))).permute(axes)
    dims, (steps,) = collapse(a.shape, (a.strides,))
    walked = np.lib.stride_tricks.as_strided(a.buffer, dims, [4 * s for s in steps]).ravel()
    np.testing.assert_array_equal(walked, as_numpy(a).ravel())
    assert all(n > 1 for n in dims) or dims == (1,)
