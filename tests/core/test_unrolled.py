"""A backward pass that is written out gives the bits of the one that goes entry by entry, and keeps every promise."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import dfdx
from dfdx import losses, nn
from dfdx.core import backward as backward_module

DEV = dfdx.device("cpu")


def normal(*shape, seed=0):
    return DEV.tensor(np.random.default_rng(seed).standard_normal(shape, np.float32))


def written(grads):
    """How many structures are functions by now."""
    return sum(callable(p) for p in grads._passes.values())


W, B = normal(4, 4, seed=1), normal(4, seed=2)
NET = DEV.build_module((nn.Linear(4, 8), nn.GeLU(), nn.LayerNorm1D(8), nn.Linear(8, 4), nn.Softmax()))
LOSSES = {
    "a chain": lambda x: (x @ W).tanh().sum(),
    "a value used twice": lambda x: (lambda h: (h * h.with_empty_tape() + h.with_empty_tape()).mean())(x @ W),
    "one tensor twice in an op": lambda x: (lambda h: (h * h).sum())(x @ W),
    "a parameter used twice": lambda x: ((x @ W) @ W).square().mean(),
    "views of parameters": lambda x: (
        x @ W.permute((1, 0)) + B.broadcast_like(x, (0,)) + B.broadcast_like(x, (0,))
    ).sum(),
    "a slice and a sum": lambda x: ((x @ W)[1:, :2].exp().sum(0) * B[:2]).sum(),
    "several results": lambda x: (lambda p: (p[0] * p[1]).sum())((x @ W).unstack(0)),
    "losses added": lambda x: (lambda h: h.exp().mean() + h.with_empty_tape().square().sum())(x @ W),
    "an op of several outputs that nobody needs": lambda x: (x * 2.0).sum() + (B * 1.0).sum(),
    "modules": lambda x: losses.mse_loss(NET(x), DEV.ones((3, 4))),
    "cross entropy": lambda x: losses.cross_entropy_with_logits_loss(x @ W, DEV.full((3, 4), 0.25)),
    "a number": lambda x: ((x @ W) * 3.0).pow(2.0).dropout(0.0).sum(),
}


def passes(name, monkeypatch, text):
    with monkeypatch.context() as m:
        if not text:
            m.setattr(backward_module, "unrolled", lambda *_: None)
        DEV.seed(1)
        grads = dfdx.Gradients((W, B)).retain(NET)
        found = []
        for k in range(6):
            LOSSES[name](normal(3, 4, seed=k).traced(grads)).backward()
            if k != 4:  # the gradients of passes 4 and 5 add up
                found.append({id: grads.get(t).array() for id, t in grads._leaves.items() if grads.received(t)})
                grads.zero(grads._leaves.values())
        return found, written(grads)


@pytest.mark.parametrize("name", LOSSES)
def test_bits(name, monkeypatch):
    (plain, none), (text, count) = (passes(name, monkeypatch, t) for t in (False, True))
    assert none == 0 and count == (name != "several results")
    for a, b in zip(plain, text, strict=True):
        assert a.keys() == b.keys()
        for id in a:
            np.testing.assert_array_equal(a[id], b[id])


def taught(loss, *leaves):
    grads = dfdx.Gradients(leaves)
    for _ in range(4):
        loss(grads).backward()
        grads.zero(leaves)
    assert written(grads) == 1
    return grads


def test_a_value_that_was_overwritten_is_still_found():
    x, w = normal(4), normal(4, seed=1)
    grads = taught(lambda g: (x.traced(g) * w).sum(), w, x)
    loss = (x.traced(grads) * w).sum()
    w.axpy(1.0, x, 1.0)
    with pytest.raises(dfdx.TapeError, match=r"overwritten by \[axpy\]"):
        loss.backward()
    assert loss.owns_tape and not grads.received(w)


def test_an_entry_that_is_elsewhere_is_still_found():
    x, w = normal(4), normal(4, seed=1)
    grads = taught(lambda g: (x.traced(g) * w).exp().sum(), w)
    other = x.traced(grads).exp()
    held, tape = other.split_tape()
    loss = (held.with_empty_tape() * w).exp().sum()
    assert len(tape) == 1
    with pytest.raises(dfdx.TapeError, match="elsewhere"):
        loss.backward()


def test_other_tensors_in_the_places_of_leaves():
    """The same plans, but a constant where a leaf was, and the other way round."""
    x, w, v = normal(4), normal(4, seed=1), normal(4, seed=2)
    grads = taught(lambda g: (x.traced(g) * w).sum(), w, v)
    (x.traced(grads) * v).sum().backward()
    np.testing.assert_array_equal(grads.get(v).array(), x.array())
    assert not grads.received(w)
    grads.zero((w, v))
    (w.traced(grads) * x).sum().backward()
    np.testing.assert_array_equal(grads.get(w).array(), x.array())
    (w.traced(grads) * v).sum().backward()
    np.testing.assert_array_equal(grads.get(w).array(), x.array() + v.array())
    np.testing.assert_array_equal(grads.get(v).array(), w.array())


def test_other_edges_between_the_same_ops():
    """a b + a and a b + b are the same plans."""
    a, b = normal(4), normal(4, seed=1)
    first = lambda g: (lambda t: (t * b + a).sum())(a.traced(g))  # noqa: E731
    grads = taught(first, a, b)
    (a.traced(grads) * b + b).sum().backward()
    np.testing.assert_array_equal(grads.get(a).array(), b.array())
    np.testing.assert_array_equal(grads.get(b).array(), a.array() + 1.0)


def test_more_leaves_forget_the_texts():
    x, w = normal(4), normal(4, seed=1)
    grads = taught(lambda g: (x.traced(g) * w).sum(), w)
    (x.traced(grads.retain(x)) * w).sum().backward()
    np.testing.assert_array_equal(grads.get(x).array(), w.array())


def test_a_gradient_that_was_handed_out_does_not_change():
    x, w = normal(4), normal(4, seed=1)
    grads = taught(lambda g: (x.traced(g) * w).sum(), w)
    (x.traced(grads) * w).sum().backward()
    held = grads.get(w)
    before = held.array()
    (x.traced(grads) * w).sum().backward()
    np.testing.assert_array_equal(held.array(), before)
    np.testing.assert_array_equal(grads.get(w).array(), 2 * before)


def test_intermediate_gradients_are_dropped_on_the_way():
    w = DEV.ones((1 << 18,))
    grads = dfdx.Gradients((w,))

    def run():
        y = w.traced(grads)
        for _ in range(24):
            y = y * 1.5
        y.sum().backward()
        grads.zero((w,))

    for _ in range(4):
        run()
    assert written(grads) == 1
    text = next(p for p in grads._passes.values() if callable(p)).source
    assert text.count("del ") >= 23


def test_structures_that_change_all_the_time_are_forgotten():
    w = DEV.ones((3,))
    grads = dfdx.Gradients((w,))
    for n in range(1, 40):
        y = w.traced(grads)
        for _ in range(n):
            y = y * 1.5
        y.sum().backward()
    assert len(grads._passes) <= 16 and written(grads) == 0


def test_a_step_leaves_no_cycles():
    """What a step made dies with it: a cycle would hold its memory until the garbage collector runs."""
    dev = dfdx.device("cpu", seed=1)
    image = dev.build_module(
        (
            nn.Conv2D(1, 4, 3),
            nn.BatchNorm2D(4),
            nn.ReLU(),
            nn.MaxPool2D(2, 2),
            nn.Flatten2D(),
            nn.Linear(36, 8),
            nn.Dropout(0.1),
        )
    )
    words = dev.build_module(
        (nn.Embedding(11, 8), nn.TransformerEncoderBlock(8, 2, 16), nn.TransformerEncoderBlock(8, 2, 16))
    )
    x, at = dev.sample_normal((5, 1, 8, 8)), dev.tensor(np.arange(10).reshape(2, 5))
    images, texts = image.alloc_grads(), words.alloc_grads()

    def step():
        losses.cross_entropy_with_logits_loss(image(x.traced(images)), dev.ones((5, 8)) / 8.0).backward()
        words(at.traced(texts)).softmax(-1).square().mean().backward()
        image.zero_grads(images)
        words.zero_grads(texts)

    for _ in range(3):
        step()
    gc.collect()
    gc.disable()
    try:
        step()
        assert gc.collect() == 0
    finally:
        gc.enable()
