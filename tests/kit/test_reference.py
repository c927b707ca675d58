"""The reference against itself: its gradients against central differences in float64, its bounds against random error."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx
from dfdx.conformance import entry
from dfdx.conformance import reference as R

SMOOTH = [
    "exp", "tanh", "sigmoid", "erf", "sin", "tan", "ln", "sqrt", "rsqrt", "accurate_gelu", "fast_gelu", "softplus", "mul", "div", "power",
    "bce_with_logits", "softmax", "log_softmax", "logsumexp", "layer_norm", "rms_norm", "var", "norm", "prod", "matmul", "linear", "conv2d",
    "convtrans2d", "pool2d", "upscale2d", "attention", "cumsum", "gather", "scatter_add", "concat", "kl_div_with_logits_loss", "lstm_cell",
]  # fmt: skip


def value(info, leaves, kwargs, weights):
    outs = info.reference(*leaves, **kwargs)
    outs = outs if isinstance(outs, tuple) else (outs,)
    return sum(float((o.v * w).sum()) for o, w in zip(outs, weights, strict=True))


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_are_those_of_central_differences(name):
    info = entry("op", name)
    sample = next(s for s in info.samples if s.grad and 0 < sum(np.prod(i.shape) for i in s.inputs) <= 400)
    hosts = sample.arrays(name, dfdx.f64)
    with R.arithmetic(R.Arithmetic()):
        leaves = [R.leaf(h) for h in hosts]
        outs = info.reference(*leaves, **sample.kwargs)
        outs = outs if isinstance(outs, tuple) else (outs,)
        weights = [np.random.default_rng(i).standard_normal(o.shape) for i, o in enumerate(outs)]
        gradients = R.gradient(list(outs), weights, leaves)
        for k, (h, g) in enumerate(zip(hosts, gradients, strict=True)):
            if h.dtype.kind != "f" or k in info.constants:
                continue
            for at in list(np.ndindex(h.shape))[::7]:
                step, two = 1e-6, []
                for sign in (1, -1):
                    moved = [np.array(x) for x in hosts]
                    moved[k][at] += sign * step
                    two.append(value(info, [R.leaf(m) for m in moved], sample.kwargs, weights))
                assert abs((two[0] - two[1]) / (2 * step) - g.v[at]) < 1e-6 * max(1.0, abs(g.v[at])), (k, at)


def test_a_bound_holds_for_what_numpy_computes_in_f32_and_is_not_idle():
    """NumPy's own f32 results lie within the bounds, and come close to them somewhere."""
    x = np.random.default_rng(0).standard_normal((300, 40)).astype(np.float32)
    with R.arithmetic(R.Arithmetic(dfdx.f32, dfdx.f32)):
        a = R.leaf(x)
        product, total, quotient = R.matmul(a, R.transpose(a, (1, 0))), R.sum(a, 1), a / (a * a + 1.0)
    for got, want in ((x @ x.T, product), (x.sum(1), total), (x / (x * x + np.float32(1)), quotient)):
        ratio = np.abs(got - want.v) / want.e
        assert ratio.max() <= 1.0 and ratio.max() > 0.02


def test_sums_in_any_order_and_too_narrow_ones():
    """One pass over 65,536 terms is within the bound; the same in f16 is not."""
    x = np.random.default_rng(1).standard_normal(65536).astype(np.float16)
    with R.arithmetic(R.Arithmetic(dfdx.f32, dfdx.f16)):
        want = R.stored(R.sum(R.leaf(x)))
    one_by_one = np.add.accumulate(x, dtype=np.float32)[-1].astype(np.float16)
    assert abs(float(one_by_one) - want.v) <= want.e
    assert abs(float(np.add.accumulate(x, dtype=np.float16)[-1]) - want.v) > want.e
