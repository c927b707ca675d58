"""Matrix products, pooling: the CPU's own kernels against float64, sizes on both sides of every limit."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dfdx

size = st.sampled_from([1, 2, 3, 5, 6, 7, 10, 16, 17, 31, 33, 64, 100])


@given(size, size, size, st.booleans())
@example(33, 1, 100, True)
@settings(max_examples=60, deadline=None)
def test_linear_and_its_gradients(m, n, k, biased):
    rng = np.random.default_rng(m * n)
    x, w, b, g = (rng.standard_normal(s).astype(np.float32) for s in ((m, k), (n, k), (n,), (m, n)))
    dev, grads = dfdx.device("cpu"), dfdx.Gradients.leaky()
    tx, tw, tb = (dev.tensor(a) for a in (x, w, b))
    y = tx.traced(grads).linear(tw, tb if biased else None)
    wide = [a.astype(np.float64) for a in (x, w, g)]
    assert np.allclose(y.array(), wide[0] @ wide[1].T + (b if biased else 0), atol=1e-4)
    (y * dev.tensor(g)).sum().backward()
    assert np.allclose(grads.get(tx).array(), wide[2] @ wide[1], atol=1e-4)
    assert np.allclose(grads.get(tw).array(), wide[2].T @ wide[0], atol=1e-4)
    if biased:
        assert np.allclose(grads.get(tb).array(), wide[2].sum(0), atol=1e-4)


@given(st.integers(1, 4), size, size, size, st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_matmul_of_any_layout(batch, m, n, k, turn_a, turn_b):
    rng = np.random.default_rng(m + n)
    dev = dfdx.device("cpu")
    a = rng.standard_normal((batch, k, m) if turn_a else (batch, m, k)).astype(np.float32)
    b = rng.standard_normal((batch, n, k) if turn_b else (batch, k, n)).astype(np.float32)
    ta, tb = (dev.tensor(x).permute((0, 2, 1)) if turn else dev.tensor(x) for x, turn in ((a, turn_a), (b, turn_b)))
    a, b = a.swapaxes(1, 2) if turn_a else a, b.swapaxes(1, 2) if turn_b else b
    assert np.allclose((ta @ tb).array(), a.astype(np.float64) @ b, atol=1e-4)


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)), st.tuples(st.integers(1, 3), st.integers(1, 3)), st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.integers(0, 12), st.integers(0, 40), st.sampled_from(["max", "min", "avg"]), st.booleans(),
)  # fmt: skip
@example((2, 2), (2, 2), (1, 1), 9, 37, "max", True)
@example((3, 2), (1, 2), (1, 1), 4, 26, "min", True)
@example((1, 2), (2, 2), (1, 1), 4, 27, "avg", False)
@settings(max_examples=60, deadline=None)
def test_pooling_and_its_gradient(kernel, stride, dilation, more_h, more_w, kind, hole):
    torch = pytest.importorskip("torch")
    if kind == "avg":
        dilation = (1, 1)
    padding = (kernel[0] // 2, kernel[1] // 2)
    h, w = (d * (k - 1) + 1 + m for d, k, m in zip(dilation, kernel, (more_h, more_w), strict=True))
    rng = np.random.default_rng(h)
    x = rng.integers(-5, 5, (2, 3, h, w)).astype(np.float32)
    if hole:
        x.flat[rng.integers(0, x.size, 2)] = np.nan
    t = torch.from_numpy(x).requires_grad_()
    F = torch.nn.functional
    if kind == "avg":
        want = F.avg_pool2d(t, kernel, stride, padding)
    else:
        sign = 1 if kind == "max" else -1
        want = sign * F.max_pool2d(sign * t, kernel, stride, padding, dilation)
    dev, grads = dfdx.device("cpu"), dfdx.Gradients.leaky()
    tx = dev.tensor(x)
    y = tx.traced(grads).pool2d(kind, kernel, stride, padding, dilation)
    assert np.allclose(y.array(), want.detach().numpy(), rtol=1e-6, equal_nan=True)
    g = rng.integers(-3, 4, want.shape).astype(np.float32)
    # a NaN of y times g is NaN; its gradient is still g
    (y * dev.tensor(g)).sum().backward()
    want.backward(torch.from_numpy(g))
    assert np.allclose(grads.get(tx).array(), t.grad.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("tokens", [3, 40, 130])
def test_products_of_heads_that_lie_between_tokens(tokens):
    """(batch, tokens, heads, width) moved to (batch, heads, tokens, width): both operands are read as they lie, either way round."""
    rng, dev = np.random.default_rng(tokens), dfdx.device("cpu")
    q, v = (rng.standard_normal((2, tokens, 8, 24)).astype(np.float32) for _ in range(2))
    p = rng.standard_normal((2, 8, tokens, tokens)).astype(np.float32)
    tq, tv = (dev.tensor(x).permute((0, 2, 1, 3)) for x in (q, v))
    tp, turned = dev.tensor(p), (0, 1, 3, 2)
    q, v = (x.swapaxes(1, 2).astype(float) for x in (q, v))
    for got, a, b in (
        (tq @ tv.permute(turned), q, v.swapaxes(2, 3)), (tp @ tv, p, v), (tp.permute(turned) @ tv, p.swapaxes(2, 3), v),
        (tv.permute(turned) @ tq, v.swapaxes(2, 3), q),
    ):  # fmt: skip
        _close(got.array(), a, b, a @ b)


large = st.sampled_from([16, 17, 31, 90, 97, 129, 200, 270])


def _close(got, wide_a, wide_b, want):
    """Within the bound of a sum of products: K eps |A| |B|."""
    eps = np.finfo(got.dtype).eps
    assert (np.abs(got - want) <= 8 * eps * (np.abs(wide_a) @ np.abs(wide_b)) + 1e-30).all()


@given(
    large,
    large,
    st.sampled_from([16, 100, 257, 600]),
    st.booleans(),
    st.booleans(),
    st.sampled_from("fd"),
    st.integers(0, 2),
)
@settings(max_examples=40, deadline=None)
def test_large_matmul_of_any_layout(m, n, k, turn_a, turn_b, dtype, form):
    rng = np.random.default_rng(m + n)
    dev = dfdx.device("cpu")
    batch = ((), (3,), (2, 3))[form]

    def operand(rows, columns, turned):
        shape = (*batch[:1], columns if turned else rows, *batch[1:], rows if turned else columns)  # heads inside
        x = rng.standard_normal(shape).astype(dtype)
        last = len(shape) - 1
        order = {0: (0, 1), 1: (0, 1, 2), 2: (0, 2, 1, 3)}[form]
        order = (*order[:-2], *((last, order[-2]) if turned else (order[-2], last)))
        return dev.tensor(x).permute(order), x.transpose(order).astype(np.float64)

    (ta, a), (tb, b) = operand(m, k, turn_a), operand(k, n, turn_b)
    _close((ta @ tb).array(), a, b, a @ b)


def test_a_broadcast_operand_is_packed_once_and_right():
    rng = np.random.default_rng(0)
    dev = dfdx.device("cpu")
    a, b = rng.standard_normal((5, 70, 90)).astype("f"), rng.standard_normal((90, 110)).astype("f")
    got = (dev.tensor(a) @ dev.tensor(b).broadcast_to((5, 90, 110))).array()
    _close(got, a.astype("d"), b.astype("d"), a.astype("d") @ b)


@given(st.sampled_from([(100, 130), (3, 70, 256), (32, 784), (16, 9, 64)]), large, st.booleans(), st.sampled_from("fd"))
@settings(max_examples=20, deadline=None)
def test_large_linear_and_its_gradients(shape, n, biased, dtype):
    rng = np.random.default_rng(n)
    dev, grads = dfdx.device("cpu"), dfdx.Gradients.leaky()
    sizes = (shape, (n, shape[-1]), (n,), (*shape[:-1], n))
    x, w, b, g = (rng.standard_normal(s).astype(dtype) for s in sizes)
    tx, tw, tb = (dev.tensor(a) for a in (x, w, b))
    y = tx.traced(grads).linear(tw, tb if biased else None)
    x, w, b, g = (a.astype(np.float64) for a in (x, w, b, g))
    more = b if biased else np.zeros(n)
    _close(y.array(), np.concatenate([x, np.ones((*shape[:-1], 1))], -1), np.vstack([w.T, more]), x @ w.T + more)
    (y * dev.tensor(g.astype(dtype))).sum().backward()
    flat_x, flat_g = x.reshape(-1, shape[-1]), g.reshape(-1, n)
    _close(grads.get(tx).array(), g, w, g @ w)
    _close(grads.get(tw).array(), flat_g.T, flat_x, flat_g.T @ flat_x)
    if biased:
        ones = np.ones((1, len(flat_g)))
        _close(grads.get(tb).array()[None], ones, flat_g, ones @ flat_g)


def test_products_have_the_same_bits_for_any_number_of_threads():
    from dfdx.backends.cpu.native.layout import usable
    from dfdx.backends.cpu.native.runtime import runtime

    if not usable():
        pytest.skip("no machine code here")
    rng, dev = np.random.default_rng(0), dfdx.device("cpu")
    a, b = (dev.tensor(rng.standard_normal((300, 300)).astype("f")) for _ in range(2))
    before, found = runtime()["threads"], []
    try:
        for threads in (1, 2, before):
            runtime()["threads"] = threads
            found.append((a @ b).array().tobytes())
    finally:
        runtime()["threads"] = before
    assert len(set(found)) == 1


_WITHOUT = """
import sys
sys.modules["llvmlite"] = None
import numpy as np, dfdx
dev, grads = dfdx.device("cpu"), dfdx.Gradients.leaky()
x, w = dev.ones((2, 3, 9, 9)).traced(grads), dev.ones((4, 3, 3, 3))
y = x.conv2d(w, stride=2).pool2d("max", 2).reshape((2, 16))
z = (y.linear(dev.ones((20, 16)), dev.ones((20,))) @ dev.ones((20, 30))).gelu().sum(1).cumsum(0)
z.sum().backward()
assert z.array()[1] == 2 * z.array()[0] == 60 * 20 * (27 * 16 + 1), z
"""


def test_without_llvmlite_numpy_serves():
    out = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr


@pytest.mark.parametrize(("m", "n", "k"), [(64, 10, 1100), (64, 1, 9000), (49, 15, 730), (3000, 5, 40)])
def test_linear_layers_of_few_results(m, n, k):
    rng = np.random.default_rng(n)
    x, w, bias, g = (rng.standard_normal(s).astype(np.float32) for s in ((m, k), (n, k), (n,), (m, n)))
    dev, grads = dfdx.device("cpu"), dfdx.Gradients.leaky()
    tx, tw, tb = (dev.tensor(t) for t in (x, w, bias))
    y = tx.traced(grads).linear(tw, tb)
    assert np.allclose(y.array(), x.astype(float) @ w.T + bias, rtol=1e-5, atol=2e-4)
    (y * dev.tensor(g)).sum().backward()
    _close(grads.get(tx).array(), g.astype(float), w.astype(float), g.astype(float) @ w)
    _close(grads.get(tw).array(), g.T.astype(float), x.astype(float), g.T.astype(float) @ x)
    assert np.allclose(grads.get(tb).array(), g.sum(0, dtype=float), rtol=1e-5, atol=1e-5)
