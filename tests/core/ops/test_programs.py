"""Random programs against PyTorch: tapes that branch and merge, views of parameters, plans and pullbacks used again and again."""

from __future__ import annotations

import random

import numpy as np
import pytest

import dfdx

torch = pytest.importorskip("torch")
DEV = dfdx.device("cpu")
UNARY = ("exp", "tanh", "sigmoid", "square", "sin", "cos")

# (ours, theirs) over two values of shape (3, 4), the parameters w (4, 3) and b (4,), and a random int
STEPS = [
    (lambda a, c, w, b, r: getattr(a, UNARY[r % 6])() * 0.3, lambda a, c, w, b, r: getattr(torch, UNARY[r % 6])(a) * 0.3),
    (lambda a, c, w, b, r: (a * c if r % 2 else a - c) * 0.3, lambda a, c, w, b, r: (a * c if r % 2 else a - c) * 0.3),
    (lambda a, c, w, b, r: a / (c.square() + 1.0), lambda a, c, w, b, r: a / (c**2 + 1)),
    (lambda a, c, w, b, r: a + w.permute((1, 0)), lambda a, c, w, b, r: a + w.T),
    (lambda a, c, w, b, r: a * b.broadcast_to((3, 4)), lambda a, c, w, b, r: a * b),
    (lambda a, c, w, b, r: a.sum(1).broadcast_to((3, 4), 1) * 0.2, lambda a, c, w, b, r: a.sum(1)[:, None].expand(3, 4) * 0.2),
    (lambda a, c, w, b, r: (a @ w) @ w.permute((1, 0)) * 0.1, lambda a, c, w, b, r: (a @ w) @ w.T * 0.1),
    (lambda a, c, w, b, r: a.softmax(r % 2), lambda a, c, w, b, r: a.softmax(r % 2)),
    (lambda a, c, w, b, r: dfdx.concat([a, c])[1:4], lambda a, c, w, b, r: torch.cat([a, c])[1:4]),
    (lambda a, c, w, b, r: dfdx.concat([a[:, ::2], c[:, 1::2]], 1), lambda a, c, w, b, r: torch.cat([a[:, ::2], c[:, 1::2]], 1)),
    (lambda a, c, w, b, r: dfdx.where(a > 0.0, b.broadcast_to((3, 4)), c), lambda a, c, w, b, r: torch.where(a > 0, b.expand(3, 4), c)),
]  # fmt: skip


def run(which, steps, x, w, b):
    """Each value is used any number of times through empty tapes, and at last by itself, so that all tapes come together."""
    again = (lambda v: v.with_empty_tape()) if which == 0 else (lambda v: v)
    values = [x]
    for step, i, j, r in steps:
        a, c = (again(values[k % len(values)]) for k in (i, j))
        values.append(STEPS[step][which](a, c, w, b, r))
    total = again(values[-1]).square().sum()
    for v in values:
        total = total + v.sum() * 0.01
    return total


@pytest.mark.parametrize("seed", range(120))
def test_random_programs(seed):
    rng = random.Random(seed)
    steps = [(rng.randrange(len(STEPS)), *(rng.randrange(10**6) for _ in range(3))) for _ in range(rng.randint(1, 9))]
    retrace = seed % 2 == 1
    for again in range(2):
        numbers = np.random.default_rng(seed + 1000 * again)
        arrays = [numbers.standard_normal(s) for s in ((3, 4), (4, 3), (4,))]
        xs, ts = [DEV.tensor(a) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]
        grads = dfdx.Gradients.leaky()
        loss, theirs = run(0, steps, xs[0].traced(grads), *xs[1:]), run(1, steps, *ts)
        np.testing.assert_allclose(loss.item(), theirs.item(), rtol=1e-10)
        loss.backward(retrace=retrace)
        first = torch.autograd.grad(theirs, ts, allow_unused=True, create_graph=retrace)
        same(grads, xs, first)
        if retrace:
            used = [(x, t) for x, t in zip(xs, first, strict=True) if t is not None]
            total, expected = DEV.zeros((), "f64"), torch.zeros((), dtype=torch.float64)
            for x, t in used:
                total, expected = total + grads.get(x).square().sum(), expected + t.square().sum()
            same(total.backward(), xs, torch.autograd.grad(expected, ts, allow_unused=True))


def same(grads, xs, expected):
    for x, t in zip(xs, expected, strict=True):
        if t is not None:
            np.testing.assert_allclose(grads.get(x).array(), t.detach().numpy(), rtol=1e-8, atol=1e-10)
