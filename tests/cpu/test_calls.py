"""Op calls in machine code beside the text that they replace: same results, tapes, identities and errors."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress

import numpy as np
import pytest

import dfdx
from dfdx.backends.cpu.native.layout import usable
from dfdx.core import calls, door
from dfdx.core.registry import OPS

pytestmark = pytest.mark.skipif(not usable(), reason="no llvmlite here")

# op: the shapes of its operands, its scalars, its attrs
CASES = {
    "relu": ([(3, 4)], (), None),
    "tanh": ([(3, 4)], (), None),
    "add": ([(3, 4), (3, 4)], (), None),
    "mul": ([(3, 4), (3, 4)], (), None),
    "mul_scalar": ([(3, 4)], (2.5,), None),
    "sum": ([(3, 4)], (), ((1,),)),
    "max": ([(3, 4)], (), ((0,),)),
    "matmul": ([(3, 4), (4, 5)], (), None),
    "linear": ([(3, 4), (5, 4), (5,)], (), None),
}


class Slow(Exception):
    """Raised where a call is left to the long path."""


@pytest.fixture
def dev():
    return dfdx.device("cpu")


def ways(op):
    """(the text, the machine code) of an op's short call; both raise `Slow` where they give up."""
    shapes, scalars, attrs = CASES[op]

    def slow(*args):
        raise Slow(args)

    names = tuple("abc"[: len(shapes)]), tuple("st"[: len(scalars)])
    text = calls.short_call(OPS[op], slow, *names, attrs is not None)
    made = dfdx.device("cpu").runtime.short_call(OPS[op], slow, len(shapes), len(scalars), attrs is not None)
    return text, made


def operands(op, dev):
    """Tensors for an op whose plan is known to the short path, then what follows them in a call."""
    shapes, scalars, attrs = CASES[op]
    rng = np.random.default_rng(0)
    tensors = [dev.tensor(rng.normal(size=s).astype(np.float32)) for s in shapes]
    dfdx.core.dispatch.apply(OPS[op], tuple(tensors), attrs or (), scalars)
    return tensors, (*scalars, *([attrs] if attrs is not None else []))


@pytest.mark.parametrize("op", CASES)
def test_untraced_calls_agree(op, dev):
    tensors, rest = operands(op, dev)
    a, b = (call(*tensors, *rest) for call in ways(op))
    assert a._type is b._type and a.device is b.device and b.id == a.id + 2
    assert b._tape is b._serial is b._view is None and b._cell.version == 0
    assert np.array_equal(a.array(), b.array())


@pytest.mark.parametrize("op", CASES)
def test_traced_calls_agree(op, dev):
    found = []
    for call in ways(op):
        tensors, rest = operands(op, dev)
        x = tensors[0].traced(grads := dfdx.Gradients.leaky())
        out = call(x, *tensors[1:], *rest)
        (serial, plan, ids, out_ids, saved, scalars) = out._tape.entries[0]
        places = {id(t._cell): i for i, t in enumerate(tensors)} | {id(out._cell): -1}
        assert x._tape is None and x._taker is OPS[op] and out.owns_tape and serial == out._serial == out.id
        assert ids == tuple(t.id for t in tensors) and out_ids is None and scalars == rest[: len(scalars)]
        out.sum().backward()
        found.append((plan, [places[id(c)] for c in saved], *[grads.get(t).tolist() for t in tensors]))
    assert found[0] == found[1]


def test_a_tape_is_found_at_any_operand(dev):
    (x, w, b), _ = operands("linear", dev)
    out = ways("linear")[1](x, w.traced(), b)
    assert len(out._tape.entries) == 1 and x._tape is None
    (t, _), _ = operands("mul", dev)
    t = t.traced()
    twice = ways("mul")[1](t, t)
    assert twice.owns_tape and not t.owns_tape


def test_views_are_made_anew_after_a_write(dev):
    source = dev.tensor(np.arange(16.0, dtype=np.float32).reshape(4, 4))
    view, other = source.permute((1, 0)), dev.ones((4, 4))
    view + other
    call = ways("add")[1]
    assert np.array_equal(call(view, other).array(), source.array().T + 1)
    source.fill_with_zeros()
    assert np.array_equal(call(view, other).array(), np.ones((4, 4)))


def test_what_the_long_path_is_for(dev):
    (a, b), _ = operands("add", dev)
    lost = a.traced()
    lost + b
    view = dev.ones((4, 3)).permute((1, 0))
    shared = a.traced()
    shared._tape.shared = True
    cases = [
        (a, 1.0), (a, [1.0]), (1.0, a), (None, None), (a, dev.ones((7, 9))), (a, b.to_dtype("f64")), (lost, b), (b, lost), (shared, b),
        (a.traced(), b.traced()), (a.traced(), view), (a,), (a, b, a), (),
    ]  # fmt: skip
    for args in cases:
        with pytest.raises(Slow) as e:
            ways("add")[1](*args)
        assert all(x is y for x, y in zip(e.value.args[0], args, strict=True))


@pytest.mark.parametrize("slot", ["_type", "_cell", "_tape", "_view", "device", "id"])
def test_a_spoilt_tensor_crashes_nothing(dev, slot):
    (a, b), _ = operands("add", dev)
    spoilt = a.traced()
    delattr(spoilt, slot)
    for args in ((spoilt, b), (b, spoilt)):
        with pytest.raises(Slow):
            ways("add")[1](*args)
    setattr(spoilt, slot, 5)
    with suppress(Slow, AttributeError):
        assert ways("add")[1](spoilt, b).tolist() == (a + b).tolist()


def test_watched_calls_come_through_the_door(dev):
    (a, b), _ = operands("add", dev)
    former = door.set_watcher(lambda plan, inputs: plan.kernel(*inputs))
    try:
        with pytest.raises(Slow):
            ways("add")[1](a, b)
    finally:
        door.set_watcher(former)


def test_an_error_of_a_kernel_leaves_the_tape_where_it_was(dev, monkeypatch):
    (a, b), _ = operands("add", dev)

    def fails(*_):
        raise MemoryError("full")

    monkeypatch.setattr(OPS["add"].plans[a._type], "kernel", fails)
    x = a.traced()
    with pytest.raises(MemoryError, match="full"):
        ways("add")[1](x, b)
    assert x.owns_tape and len(x._tape.entries) == 0


def test_attributes_that_cannot_be_keys_raise(dev):
    (a,), _ = operands("sum", dev)
    with pytest.raises(TypeError, match="unhashable"):
        ways("sum")[1](a, ([0],))


def test_no_reference_is_lost_or_kept(dev):
    calls_ = {op: (ways(op)[1], *operands(op, dev)) for op in CASES}
    kept = [None, 0, True, dev, dfdx.Tensor, dfdx.Tape, *[t for _, ts, _ in calls_.values() for t in ts]]
    kept += [t._type for t in kept if isinstance(t, dfdx.Tensor)] + [
        t._cell for t in kept if isinstance(t, dfdx.Tensor)
    ]
    kept += [OPS[op] for op in CASES]

    def everything():
        for call, tensors, rest in calls_.values():
            call(*tensors, *rest)
            call(tensors[0].traced(), *tensors[1:], *rest)
            with pytest.raises(Slow):
                call(*tensors[:-1], None, *rest)

    def counts():
        gc.collect()
        return [sys.getrefcount(x) for x in kept]

    everything()
    before = counts()
    for _ in range(50):
        everything()
    grown = [(x, n - m) for x, m, n in zip(kept, before, counts(), strict=True) if abs(n - m) > 5]
    assert not grown


def test_an_op_that_is_called_often_is_quickened_once(dev, monkeypatch):
    asked = []
    kind = type(dev.runtime)
    own = kind.short_call
    monkeypatch.setattr(kind, "short_call", lambda self, *args: asked.append(args) or own(self, *args))
    call = calls.short_call(OPS["add"], lambda a, b: dfdx.core.dispatch.apply(OPS["add"], (a, b)), ("a", "b"))
    x, one = dev.zeros((2,)), dev.ones((2,))
    for _ in range(3 * calls.CALLS):
        x = call(x, one)
    assert len(asked) == 1 and x.tolist() == [3.0 * calls.CALLS] * 2


def test_without_a_short_call_of_the_device_the_text_goes_on(dev, monkeypatch):
    monkeypatch.setattr(type(dev.runtime), "short_call", lambda self, *args: None)
    call = calls.short_call(OPS["add"], lambda a, b: dfdx.core.dispatch.apply(OPS["add"], (a, b)), ("a", "b"))
    x, one = dev.zeros((2,)), dev.ones((2,))
    for _ in range(2 * calls.CALLS + 5):
        x = call(x, one)
    assert x.tolist() == [2.0 * calls.CALLS + 5] * 2
