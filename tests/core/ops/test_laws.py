"""Laws of every op: ranks 0 to 6 and empty tensors as in NumPy, tapes that one op moves as one, errors that move none."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import dfdx

RNG = np.random.default_rng(0)
DEV = dfdx.device("cpu")
SHAPES = [
    (),
    (1,),
    (3,),
    (0,),
    (2, 0),
    (0, 2),
    (1, 1),
    (2, 3, 0),
    (2, 1, 3),
    (2, 1, 2, 1, 2),
    (1, 2, 1, 2, 1, 2),
    (2, 0, 2, 1, 1, 2),
]
REDUCTIONS = {
    "sum": (lambda x, ax: x.sum(ax), lambda a, ax: a.sum(ax)), "prod": (lambda x, ax: x.prod(ax), lambda a, ax: a.prod(ax)),
    "mean": (lambda x, ax: x.mean(ax), lambda a, ax: a.mean(ax)), "var": (lambda x, ax: x.var(ax), lambda a, ax: a.var(ax)),
    "std": (lambda x, ax: x.std(ax), lambda a, ax: a.std(ax)), "max": (lambda x, ax: x.max(ax), lambda a, ax: a.max(ax)),
    "norm": (lambda x, ax: x.norm(ax), lambda a, ax: np.sqrt((a * a).sum(ax))), "norm_3": (lambda x, ax: x.norm(ax, 3.0), lambda a, ax: (abs(a) ** 3).sum(ax) ** (1 / 3)),
    "logsumexp": (lambda x, ax: x.logsumexp(ax), lambda a, ax: np.log(np.exp(a).sum(ax))),
    "any": (lambda x, ax: (x > 0.0).any(ax), lambda a, ax: (a > 0).any(ax)), "all": (lambda x, ax: (x > 0.0).all(ax), lambda a, ax: (a > 0).all(ax)),
    "softmax": (lambda x, ax: x.softmax(ax), lambda a, ax: np.exp(a) / np.exp(a).sum(ax, keepdims=True)),
    "normalize": (lambda x, ax: x.normalize(ax), lambda a, ax: (a - a.mean(ax, keepdims=True)) / np.sqrt(a.var(ax, keepdims=True) + 1e-5)),
}  # fmt: skip


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_of_every_rank_and_of_nothing(dev, name):
    ours, theirs = REDUCTIONS[name]
    for shape in SHAPES:
        a = RNG.standard_normal(shape)
        for axes in [tuple(range(a.ndim)), *range(a.ndim)]:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                try:
                    expected = theirs(a, axes)
                except ValueError:  # NumPy: a maximum of nothing
                    with pytest.raises(dfdx.ShapeError, match="empty axis"):
                        ours(dev.tensor(a), axes)
                    continue
            x = dev.tensor(a)
            y = ours(x.traced(), axes)
            np.testing.assert_allclose(y.array(), expected, rtol=1e-12, err_msg=f"{shape} {axes}", strict=True)
            if y.dtype.is_float:
                assert y.sum().backward().get(x).shape == shape


KEEPING = {
    "exp": lambda x: x.exp(), "add": lambda x: x + x, "turned": lambda x: x.permute(tuple(reversed(range(x.rank)))), "flat": lambda x: x.flatten(),
    "column": lambda x: x.reshape((x.numel, 1)), "clamp": lambda x: x.clamp(0, 1), "dropout": lambda x: x.dropout(0.5), "triu": lambda x: x.triu(),
    "flip": lambda x: x.flip(), "power": lambda x: x**2.5, "where": lambda x: dfdx.where(x > 0.0, x, 0.0), "contiguous": lambda x: x.contiguous(),
    "everything": lambda x: x[...], "repeat": lambda x: x.repeat((2,) * x.rank), "repeat_none": lambda x: x.repeat((0,) * x.rank),
    "pad": lambda x: x.pad([(1, 1)] * x.rank), "cast": lambda x: x.to_dtype("f32").to_dtype("f64"), "nans_to": lambda x: x.nans_to(0.0),
    "huber": lambda x: x.huber_error(x), "like": lambda x: x.sum().broadcast_like(x), "einsum": lambda x: dfdx.einsum("...->...", x),
}  # fmt: skip
WITH_AN_AXIS = {
    "none": lambda x: x[:0], "last": lambda x: x[-1:], "concat": lambda x: dfdx.concat([x, x]), "roll": lambda x: x.roll(1), "cumsum": lambda x: x.cumsum(),
    "sort": lambda x: x.sort(), "gather_none": lambda x: x.gather(x.device.zeros((0,), "i64")), "scatter": lambda x: x.scatter_add(x.device.zeros(x.shape[:1], "i64"), 3),
    "topk": lambda x: x.topk(min(1, x.shape[-1]))[0],
}  # fmt: skip


@pytest.mark.parametrize("name", [*KEEPING, *WITH_AN_AXIS])
def test_every_rank_and_nothing_both_ways(dev, name):
    for shape in SHAPES if name in KEEPING else [s for s in SHAPES if s]:
        x = dev.tensor(RNG.standard_normal(shape))
        f = (KEEPING | WITH_AN_AXIS)[name]
        first = f(x.traced()).sum().backward(retrace=True).get(x)
        assert first.shape == shape
        first.sum().backward()


# ----- tapes

SQUARE, VECTOR, BATCH = (DEV.tensor(RNG.random(s) + 0.1) for s in ((3, 3), (3,), (3, 3, 3)))
TWICE = {
    "concat": (SQUARE, lambda t: dfdx.concat([t, t])), "stack": (SQUARE, lambda t: dfdx.stack([t, t, t], 1)), "dot": (VECTOR, lambda t: t.dot(t)),
    "outer": (VECTOR, lambda t: t.outer(t)), "matmul": (SQUARE, lambda t: t @ t), "batched": (BATCH, lambda t: t @ t), "linear": (SQUARE, lambda t: t.linear(t)),
    "einsum": (SQUARE, lambda t: dfdx.einsum("ij,jk,kl->il", t, t, t)), "diagonal": (SQUARE, lambda t: dfdx.einsum("ii,ij->j", t, t)),
    "attention": (SQUARE, lambda t: dfdx.attention(t, t, t, t)), "where": (SQUARE, lambda t: dfdx.where(t > 0.5, t, t)), "prelu": (SQUARE, lambda t: t.prelu(t)),
    "power": (SQUARE, lambda t: t**t), "conv1d": (BATCH, lambda t: t.conv1d(t)), "convtrans1d": (BATCH, lambda t: t.convtrans1d(t)),
    "layer_norm": (VECTOR, lambda t: t.layer_norm(t, t)), "maximum": (SQUARE, lambda t: t.maximum(t)), "iter": (SQUARE, lambda t: dfdx.stack(list(t))),
    "std": (SQUARE, lambda t: t.std(0)), "norm": (SQUARE, lambda t: t.norm(0, 3.0)), "roll": (SQUARE, lambda t: t.roll(1)), "repeat": (SQUARE, lambda t: t.repeat((2, 2))),
}  # fmt: skip


def slope(f, x, at, h=1e-6):
    a = x.array()
    values = []
    for sign in (1, -1):
        b = a.copy()
        b[at] += sign * h
        values.append(f(DEV.tensor(b)).square().sum().item())
    return (values[0] - values[1]) / (2 * h)


@pytest.mark.parametrize("name", TWICE)
def test_one_tensor_may_stand_twice(name):
    """Against central differences in float64."""
    x, f = TWICE[name]
    got = f(x.traced()).square().sum().backward().get(x).array()
    for at in np.ndindex(x.shape):
        assert got[at] == pytest.approx(slope(f, x, at), rel=1e-5, abs=1e-6)


PAIRED = {
    "mul": lambda a, b: a * b, "div": lambda a, b: a / b, "maximum": lambda a, b: a.maximum(b), "matmul": lambda a, b: a @ b,
    "attention": lambda a, b: dfdx.attention(a, b, b), "power": lambda a, b: a**b, "linear": lambda a, b: a.linear(b), "norm": lambda a, b: a.layer_norm(b.with_empty_tape()[0], b[1]),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRED)
def test_a_gradient_first_seen_with_one_tensor_twice_serves_two(name):
    """The first backward pass of an op on given types is remembered: it must not remember that both operands were one."""
    f, dev = PAIRED[name], dfdx.device("cpu")
    dev.plans.clear()
    a, b = (dev.tensor(RNG.random((4, 4)) + 0.5) for _ in range(2))
    f(a.traced(), a).sum().backward()
    grads = dfdx.Gradients.leaky()
    f(a.traced(grads), b.traced(grads)).square().sum().backward()
    got = grads.get(a).array()[0, 1], grads.get(b).array()[0, 1]
    for x, g, other in ((a, got[0], lambda t: f(t, b)), (b, got[1], lambda t: f(a, t))):
        assert g == pytest.approx(slope(other, x, (0, 1)), rel=1e-5)


@pytest.mark.parametrize("name", ["stack", "dot", "outer", "einsum2", "conv1d", "flattened"])
def test_a_moved_tape_may_stand_beside_an_owner(name):
    x, f = {
        "stack": (VECTOR, lambda a, b: dfdx.stack([a, b])), "dot": (VECTOR, dfdx.dot), "outer": (VECTOR, dfdx.outer),
        "einsum2": (SQUARE, lambda a, b: dfdx.einsum("ij,kj->ik", a, b)), "conv1d": (BATCH, lambda a, b: a.conv1d(b)),
        "flattened": (BATCH, lambda a, b: a @ b.sum(0)),
    }[name]  # fmt: skip
    h = x.traced() * 2.0
    grads = f(h, h.exp()).sum().backward()
    np.testing.assert_allclose(
        grads.get(x).array(),
        f((h2 := (y := x.traced()) * 2.0), h2.with_empty_tape().exp()).sum().backward().get(y).array(),
    )


def ones(*shape, dtype="f64"):
    return DEV.ones(shape, dtype)


FAILING = {
    "matmul_dtype": (ones(2, 3, 4), lambda t: t @ ones(4, 5, dtype="f32")), "matrix_vector": (ones(2, 3), lambda t: t @ ones(3, dtype="f32")),
    "dot": (ones(3), lambda t: t.dot(ones(3, dtype="f32"))), "outer": (ones(3), lambda t: t.outer(ones(3, dtype="f32"))),
    "stack": (ones(2, 3), lambda t: dfdx.stack([t, ones(2, 3, dtype="f32")])), "rank_7": (ones(1, 1, 1, 1, 1, 1), lambda t: dfdx.stack([t, t])),
    "conv2d": (ones(3, 5, 5), lambda t: t.conv2d(ones(2, 4, 3, 3))), "conv1d": (ones(3, 5), lambda t: t.conv1d(ones(2, 4, 3))),
    "pool2d": (ones(3, 5, 5), lambda t: t.pool2d("max", 9)), "pool1d": (ones(3, 5), lambda t: t.pool1d("max", 9)), "upscale2d": (ones(3, 0, 5), lambda t: t.upscale2d(3)),
    "einsum": (ones(2, 3), lambda t: dfdx.einsum("ij,jk->ik", t, ones(3, 4, dtype="f32"))), "attention": (ones(2, 3), lambda t: dfdx.attention(t, t, t, ones(5, 5))),
    "heads": (ones(2, 24), lambda t: dfdx.attention_reshape(t, ones(2, 4, 1), ones(2, 1, 4, dtype="f32"))), "gather": (ones(2, 3), lambda t: t.gather(DEV.tensor([9]))),
    "select": (ones(2, 3), lambda t: t.select(DEV.tensor([0, 9]), 1)), "pad": (ones(2, 3), lambda t: t.pad([(1, 1)])), "topk": (ones(2, 3), lambda t: t.topk(9)),
    "getitem": (ones(2, 3), lambda t: t[0, 5]), "concat": (ones(2, 3), lambda t: dfdx.concat([t, ones(2, 3, dtype="f32")])), "norm": (ones(2), lambda t: t.norm(p=-1)),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
def test_a_call_that_raises_leaves_its_tapes(name):
    x, f = FAILING[name]
    t = x.traced()
    with pytest.raises((dfdx.DfdxError, ValueError, IndexError)):
        f(t)
    assert t.owns_tape and not len(t.split_tape()[1])


def test_an_op_whose_vjp_is_not_made_of_ops_cannot_be_differentiated_twice():
    """One error, which names the op, before anything has run."""
    from dfdx.core.dispatch import apply
    from dfdx.core.registry import OpSpec
    from dfdx.core.types import TensorType

    def vjp(entry, g, needs):
        return (DEV.tensor(g.array() * 2.0),)

    spec = OpSpec("doubled_elsewhere", lambda x: TensorType(x.shape, x.dtype), vjp=vjp, opaque=True)
    spec.bind = lambda device, sig, attrs: lambda a: a * 2.0
    x = DEV.tensor([1.0, 2.0])
    assert apply(spec, (x.traced(),)).sum().backward().get(x).tolist() == [2.0, 2.0]
    loss = apply(spec, (x.traced(),)).sum()
    with pytest.raises(dfdx.GradientError, match=r"\[doubled_elsewhere\] its VJP is not made of ops"):
        loss.backward(retrace=True)
    assert loss.owns_tape
