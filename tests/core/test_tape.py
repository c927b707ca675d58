"""Who owns a tape, when it moves, and what each misuse raises, before anything runs."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx
from dfdx import Gradients, TapeError, TapeMovedError

DEV = dfdx.device("cpu")


def vector(*values):
    return DEV.tensor([float(v) for v in values], dfdx.f64)


def test_traced_keeps_value_and_id():
    x = vector(1, 2)
    t = x.traced()
    assert t.id == x.id and t.owns_tape and not x.owns_tape and t.tolist() == x.tolist()


def test_backward_returns_the_gradients_given_to_traced():
    grads, x = Gradients.leaky(), vector(3)
    assert (x.traced(grads) * x).sum().backward() is grads
    assert grads.get(x).tolist() == [6.0]


def test_gradients_accumulate_until_zeroed():
    model = DEV.build_module(dfdx.nn.Linear(2, 1), dfdx.f64)
    grads, x = model.alloc_grads(), DEV.ones((3, 2), dfdx.f64)
    for n in (1, 2, 3):
        grads = model(x.traced(grads)).sum().backward()
        np.testing.assert_array_equal(grads.get(model.bias).array(), [3.0 * n])
    model.zero_grads(grads)
    assert grads.get(model.bias).tolist() == [0.0] and not grads.received(model.bias)


def test_a_snapshot_does_not_change():
    x, grads = vector(1, 2), Gradients.leaky()
    x.traced(grads).square().sum().backward()
    first = grads.get(x)
    x.traced(grads).square().sum().backward()
    x.traced(grads).square().sum().backward()
    assert first.tolist() == [2.0, 4.0] and grads.get(x).tolist() == [6.0, 12.0]


def test_a_moved_tape_beside_an_owner_is_recorded():
    x = vector(-1, 2)
    h = x.traced() * 3.0
    loss = (h.relu() + h).sum()
    assert loss.backward().get(x).tolist() == [3.0, 6.0]


def test_an_op_on_a_moved_tensor_alone_raises_and_names_the_taker():
    t = vector(1).traced()
    t.exp()
    with pytest.raises(TapeMovedError, match=r"(?s)\[sin\].*lost its tape to \[exp\].*with_empty_tape"):
        t.sin()


def test_with_empty_tape_branches():
    x = vector(1, 2)
    h = x.traced() * 2.0
    a, b = h.with_empty_tape().exp(), h.square()
    grads = (b + a).sum().backward()
    np.testing.assert_allclose(grads.get(x).array(), 2 * np.exp([2.0, 4.0]) + 2 * 2 * np.array([2.0, 4.0]))


def test_a_branch_whose_trunk_is_elsewhere_raises_before_running():
    x = vector(1)
    h = x.traced() * 2.0
    branch = h.with_empty_tape().exp().sum()
    with pytest.raises(TapeError, match="was recorded on a tape that is not here"):
        branch.backward()
    assert branch.owns_tape


def test_merging_two_gradients_raises_and_moves_nothing():
    a, b = vector(1).traced(Gradients.leaky()), vector(2).traced(Gradients.leaky())
    with pytest.raises(TapeError, match="two different Gradients"):
        a + b
    assert a.owns_tape and b.owns_tape


def test_a_failed_op_leaves_tapes_where_they_were():
    a = vector(1, 2).traced()
    with pytest.raises(dfdx.ShapeError):
        a + vector(1, 2, 3)
    assert a.owns_tape


def test_backward_needs_rank_0_and_a_tape():
    with pytest.raises(dfdx.NoTapeError, match="owns no tape"):
        vector(1).sum().backward()
    t = vector(1, 2).traced()
    with pytest.raises(dfdx.ShapeError, match="rank 0"):
        t.backward()
    assert t.owns_tape
    loss = t.sum()
    loss.backward()
    with pytest.raises(TapeMovedError, match=r"moved to \[backward\]"):
        loss.backward()


def test_traced_twice_raises():
    t = vector(1).traced()
    with pytest.raises(TapeError, match="already owns a tape"):
        t.traced()
    t.exp()
    with pytest.raises(TapeError, match="lost its tape"):
        t.traced()


def test_comparisons_never_take_a_tape():
    t = vector(1, -1).traced()
    assert (t > 0.0).tolist() == [True, False] and t.owns_tape and "owns a tape" in repr(t)


def test_views_of_parameters_reach_the_source():
    x, w = DEV.ones((2, 3), dfdx.f64), DEV.ones((4, 3), dfdx.f64)
    view = w.permute((1, 0))
    first = (x.traced() @ view).sum()
    assert first.backward().get(w).array().tolist() == np.full((4, 3), 2.0).tolist()
    twice = x.traced(Gradients.leaky())
    loss = (twice @ view).sum() + (x @ view.retaped()).sum()
    assert loss.backward().get(w).array().tolist() == np.full((4, 3), 4.0).tolist()


def test_traced_view_starts_there():
    w = vector(1, 2, 3, 4)
    v = w.reshape((2, 2))
    grads = v.traced().square().sum().backward()
    assert grads.get(v).tolist() == [[2.0, 4.0], [6.0, 8.0]] and w not in grads


def test_an_overwritten_saved_value_is_named():
    w = vector(2)
    loss = (vector(3).traced() * w).sum()
    w.axpy(0.5, vector(1), 1.0)
    with pytest.raises(TapeError, match=r"overwritten by \[axpy\]"):
        loss.backward()


def test_a_view_that_copied_is_refreshed():
    w = DEV.tensor([[1.0, 2.0], [3.0, 4.0]])
    flat = w.permute((1, 0)).reshape((4,))
    assert flat.tolist() == [1.0, 3.0, 2.0, 4.0]
    w.axpy(2.0, w, 0.0)
    assert flat.tolist() == [2.0, 6.0, 4.0, 8.0]


def test_only_what_is_needed_is_kept():
    model = DEV.build_module(dfdx.nn.Linear(2, 1))
    x, grads = DEV.ones((1, 2)), model.alloc_grads()
    grads = model(x.traced(grads)).sum().backward()
    with pytest.raises(dfdx.MissingGradientError, match="retain"):
        grads.get(x)
    grads = model(x.traced(model.alloc_grads().retain(x))).sum().backward()
    assert grads.get(x).shape == (1, 2)


def test_split_and_put():
    x = vector(2)
    value, tape = (x.traced() * 3.0).split_tape()
    assert not value.owns_tape
    assert value.put_tape(tape).sum().backward().get(x).tolist() == [3.0]


def test_third_derivative():
    x = vector(0.7)
    first = x.traced().sin().sum().backward(retrace=True).get(x)
    second = first.sum().backward(retrace=True).get(x)
    third = second.sum().backward().get(x)
    np.testing.assert_allclose([first.item(), second.item(), third.item()], [np.cos(0.7), -np.sin(0.7), -np.cos(0.7)])


def test_retraced_gradients_can_be_taken_twice():
    x = vector(2)
    grads = (x.traced() ** 3).sum().backward(retrace=True)
    for _ in range(2):
        assert grads.get(x).sum().backward().get(x).tolist() == [12.0]


def test_clipping():
    x = vector(3, 4)
    grads = (x.traced(Gradients([x])) * x).sum().backward()
    assert grads.clip_norm_(1.0) == pytest.approx(10.0)
    np.testing.assert_allclose(grads.get(x).array(), [0.6, 0.8], rtol=1e-5)
    assert grads.clip_value_(0.7).get(x).array().max() == pytest.approx(0.7) and grads.all_finite()


def test_integers_carry_a_tape_into_floats():
    table, index = DEV.ones((3, 2), dfdx.f64), DEV.tensor([0, 2, 2])
    grads = table.gather(index.traced()).sum().backward()
    assert grads.get(table).tolist() == [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]


def test_no_entries_leak():
    import gc

    x = DEV.ones((4,))
    gc.collect()
    before = len([o for o in gc.get_objects() if type(o) is dfdx.Tensor])
    for _ in range(100):
        x.traced().tanh().sum()
    gc.collect()
    assert len([o for o in gc.get_objects() if type(o) is dfdx.Tensor]) <= before + 2


def test_gradients_of_several_results_when_they_come_again():
    dev = dfdx.device("cpu")
    for p, q in (
        (1.0, 1.0),
        (2.0, 3.0),
        (0.0, None),
        (-1.0, 4.0),
    ):  # alike at first, later not; one result that nothing reads
        grads = dfdx.Gradients.leaky()
        x = dev.tensor([[1.0, 2.0], [3.0, 4.0]])
        a, b = x.traced(grads).unstack(0)
        y = a * p if q is None else a * p + b * q if p != q else a + b
        y.sum().backward()
        assert grads.get(x).tolist() == [[p, p], [q or 0.0, q or 0.0]]
