"""Every op of the first set, forward and backward, against PyTorch in float64."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx

torch = pytest.importorskip("torch")
F = torch.nn.functional
RNG = np.random.default_rng(0)
DEV = dfdx.device("cpu")


def normal(*shape):
    return RNG.standard_normal(shape)


def positive(*shape):
    return RNG.random(shape) + 0.5


def few(*shape):
    """Many ties."""
    return RNG.integers(0, 3, shape) * 1.0


def zeros_among(n):
    a = normal(3, 4)
    a[0, :n] = 0.0
    return a


CASES: dict[str, tuple] = {}
for _name, _theirs, _make in [
    ("abs", torch.abs, normal), ("neg", torch.neg, normal), ("relu", torch.relu, normal), ("gelu", F.gelu, normal),
    ("fast_gelu", lambda x: F.gelu(x, approximate="tanh"), normal), ("sigmoid", torch.sigmoid, normal), ("tanh", torch.tanh, normal),
    ("exp", torch.exp, normal), ("expm1", torch.expm1, normal), ("ln", torch.log, positive), ("log1p", torch.log1p, positive),
    ("sin", torch.sin, normal), ("cos", torch.cos, normal), ("tan", torch.tan, normal), ("erf", torch.erf, normal),
    ("sqrt", torch.sqrt, positive), ("rsqrt", torch.rsqrt, positive), ("square", torch.square, normal),
    ("recip", torch.reciprocal, positive), ("softplus", F.softplus, normal), ("floor", torch.floor, normal),
    ("ceil", torch.ceil, normal), ("round", torch.round, normal), ("trunc", torch.trunc, normal), ("sign", torch.sign, normal),
]:  # fmt: skip
    CASES[_name] = (getattr(dfdx, _name), _theirs, _make(3, 4))
for _name in ("add", "sub", "mul", "div", "maximum", "minimum"):
    CASES[_name] = (getattr(dfdx, _name), getattr(torch, _name), normal(3, 4), positive(3, 4))
CASES |= {
    "pow": (lambda x: x**2.5, lambda x: x**2.5, positive(3)),
    "pow_2": (lambda x: x**2, lambda x: x**2, normal(3)),
    "pow_3": (lambda x: x**3, lambda x: x**3, normal(3)),
    "pow_0_at_0": (lambda x: x**0.0, lambda x: x**0.0, np.array([0.0, 1.0, -2.0])),
    "clamp": (lambda x: x.clamp(-0.5, 0.5), lambda x: x.clamp(-0.5, 0.5), np.array([-0.5, 0.5, 0.1, 2.0, -3.0])),
    "power": (dfdx.power, torch.pow, positive(3, 4), normal(3, 4)),
    "rsub": (lambda x: 1.0 - x, lambda x: 1.0 - x, normal(3)),
    "rdiv": (lambda x: 1.0 / x, lambda x: 1.0 / x, positive(3)),
    "maximum_ties": (dfdx.maximum, torch.maximum, few(20), few(20)),
    "bce": (
        dfdx.bce_with_logits,
        lambda a, b: F.binary_cross_entropy_with_logits(a, b, reduction="none"),
        normal(5),
        positive(5) - 0.5,
    ),
    "huber": (
        lambda a, b: a.huber_error(b, 0.7),
        lambda a, b: F.huber_loss(a, b, delta=0.7, reduction="none"),
        normal(9),
        normal(9),
    ),
    "prelu": (lambda a, b: a.prelu(b), lambda a, b: torch.where(a < 0, a * b, a), normal(5), normal(5)),
    "leaky": (lambda a: a.leaky_relu(0.1), lambda a: F.leaky_relu(a, 0.1), normal(5)),
    "same_tensor_twice": (lambda x: x * x, lambda x: x * x, normal(3)),
    "prod": (lambda x: x.prod(1), lambda x: x.prod(1), zeros_among(0)),
    "prod_one_zero": (lambda x: x.prod(1), lambda x: x.prod(1), zeros_among(1)),
    "prod_two_zeros": (lambda x: x.prod(1), lambda x: x.prod(1), zeros_among(2)),
    "norm_2": (lambda x: x.norm(1), lambda x: torch.linalg.vector_norm(x, dim=1), normal(3, 4)),
    "norm_2_zero": (lambda x: x.norm(), lambda x: torch.linalg.vector_norm(x), np.zeros(3)),
    "norm_3": (lambda x: x.norm(1, 3.0), lambda x: torch.linalg.vector_norm(x, 3, dim=1), normal(3, 4)),
    "norm_inf": (
        lambda x: x.norm(1, float("inf")),
        lambda x: torch.linalg.vector_norm(x, float("inf"), dim=1),
        normal(3, 4),
    ),
    "permute": (lambda x: x.permute((2, 0, 1)), lambda x: x.permute(2, 0, 1), normal(2, 3, 4)),
    "broadcast": (
        lambda x: x.broadcast_to((5, 3, 2, 4), (0, 2)),
        lambda x: x[None, :, None].expand(5, 3, 2, 4),
        normal(3, 4),
    ),
    "reshape_of_view": (lambda x: x.permute((1, 0)).reshape((2, 6)), lambda x: x.T.reshape(2, 6), normal(3, 4)),
    "slice": (lambda x: x[1:, ::2], lambda x: x[1:, ::2], normal(5, 7)),
    "slice_int": (lambda x: x[2], lambda x: x[2], normal(5, 7)),
    "slice_ellipsis": (lambda x: x[..., -1], lambda x: x[..., -1], normal(5, 7)),
    "two_slices": (lambda x: x[1:3] + x.with_empty_tape()[2:4], lambda x: x[1:3] + x[2:4], normal(5, 2)),
    "concat": (lambda a, b: dfdx.concat([a, b], 1), lambda a, b: torch.cat([a, b], 1), normal(2, 3), normal(2, 4)),
    "stack": (lambda a, b: dfdx.stack([a, b], 1), lambda a, b: torch.stack([a, b], 1), normal(2, 3), normal(2, 3)),
    "pad": (lambda a: a.pad([(1, 2), (0, 3)], 1.5), lambda a: F.pad(a, (0, 3, 1, 2), value=1.5), normal(2, 3)),
    "roll": (lambda a: a.roll(2, 1), lambda a: a.roll(2, 1), normal(2, 5)),
    "flip": (lambda a: a.flip((0, 1)), lambda a: a.flip(0, 1), normal(2, 5)),
    "repeat": (lambda a: a.repeat((2, 3)), lambda a: a.repeat(2, 3), normal(2, 5)),
    "triu": (lambda a: a.triu(1), lambda a: a.triu(1), normal(4, 5)),
    "tril": (lambda a: a.tril(-1), lambda a: a.tril(-1), normal(2, 4, 5)),
    "dot": (dfdx.dot, torch.dot, normal(4), normal(4)),
    "outer": (dfdx.outer, torch.outer, normal(4), normal(3)),
    "linear": (lambda x, w, b: x.linear(w, b), F.linear, normal(2, 5, 3), normal(4, 3), normal(4)),
    "linear_rank1": (lambda x, w, b: x.linear(w, b), F.linear, normal(3), normal(4, 3), normal(4)),
    "layer_norm": (
        lambda x, g, b: x.layer_norm(g, b),
        lambda x, g, b: F.layer_norm(x, (4,), g, b),
        normal(2, 3, 4),
        normal(4),
        normal(4),
    ),
    "rms_norm": (lambda x, g: x.rms_norm(g), lambda x, g: F.rms_norm(x, (4,), g, eps=1e-5), normal(2, 3, 4), normal(4)),
}
for _axes in (None, 0, 1, -1, (0, 2), (2, 0)):
    _theirs = tuple(range(3)) if _axes is None else _axes
    CASES |= {
        f"sum_{_axes}": (lambda x, a=_axes: x.sum(a), lambda x, a=_theirs: x.sum(a), normal(2, 3, 4)),
        f"mean_{_axes}": (lambda x, a=_axes: x.mean(a), lambda x, a=_theirs: x.mean(a), normal(2, 3, 4)),
        f"max_{_axes}": (lambda x, a=_axes: x.max(a), lambda x, a=_theirs: x.amax(a), few(2, 3, 4)),
        f"min_{_axes}": (lambda x, a=_axes: x.min(a), lambda x, a=_theirs: x.amin(a), few(2, 3, 4)),
        f"var_{_axes}": (lambda x, a=_axes: x.var(a), lambda x, a=_theirs: x.var(a, correction=0), normal(2, 3, 4)),
        f"std_{_axes}": (
            lambda x, a=_axes: x.std(a, 1e-3),
            lambda x, a=_theirs: (x.var(a, correction=0) + 1e-3).sqrt(),
            normal(2, 3, 4),
        ),
        f"logsumexp_{_axes}": (lambda x, a=_axes: x.logsumexp(a), lambda x, a=_theirs: x.logsumexp(a), normal(2, 3, 4)),
        f"softmax_{_axes}": (
            lambda x, a=_axes: x.softmax(a),
            lambda x, a=_theirs: (x - x.logsumexp(a, keepdim=True)).exp(),
            normal(2, 3, 4),
        ),
        f"log_softmax_{_axes}": (
            lambda x, a=_axes: x.log_softmax(a),
            lambda x, a=_theirs: x - x.logsumexp(a, keepdim=True),
            normal(2, 3, 4),
        ),
        f"normalize_{_axes}": (
            lambda x, a=_axes: x.normalize(a),
            lambda x, a=_theirs: (x - x.mean(a, keepdim=True)) / (x.var(a, correction=0, keepdim=True) + 1e-5).sqrt(),
            normal(2, 3, 4),
        ),
    }
for _s, _t in [
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((2, 5, 2, 3), (2, 5, 3, 4)),
    ((5, 2, 3), (3,)),
]:
    CASES[f"matmul_{len(_s)}{len(_t)}"] = (lambda a, b: a @ b, lambda a, b: a @ b, normal(*_s), normal(*_t))


@pytest.mark.parametrize("name", CASES)
def test_forward_and_backward(name):
    ours, theirs, *arrays = CASES[name]
    grads = dfdx.Gradients.leaky()
    xs = [DEV.tensor(a) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, ty = ours(*[x.traced(grads) for x in xs]), theirs(*ts)
    np.testing.assert_allclose(y.array(), ty.detach().numpy(), rtol=1e-10, atol=1e-10)
    w = RNG.standard_normal(ty.shape)
    (y * DEV.tensor(w)).sum().backward()
    (ty * torch.tensor(w)).sum().backward()
    for x, t in zip(xs, ts, strict=True):
        np.testing.assert_allclose(grads.get(x).array(), t.grad.numpy(), rtol=1e-10, atol=1e-10)


SMOOTH = ["tanh", "sigmoid", "exp", "ln", "gelu", "fast_gelu", "erf", "mul", "div", "power", "softmax_-1", "log_softmax_1", "logsumexp_0", "normalize_-1", "layer_norm", "linear", "matmul_22", "var_1", "norm_2", "prod", "maximum"]  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivative(name):
    ours, theirs, *arrays = CASES[name]
    xs = [DEV.tensor(a) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    w = RNG.standard_normal(theirs(*ts).shape)
    grads = dfdx.Gradients.leaky()
    (ours(*[x.traced(grads) for x in xs]).square() * DEV.tensor(w)).sum().backward(retrace=True)
    first = torch.autograd.grad((theirs(*ts).square() * torch.tensor(w)).sum(), ts, create_graph=True)
    total = None
    for x in xs:
        part = grads.get(x).square().sum()
        total = part if total is None else total + part
    second = total.backward()
    expected = torch.autograd.grad(sum(g.square().sum() for g in first), ts)
    for x, e in zip(xs, expected, strict=True):
        np.testing.assert_allclose(second.get(x).array(), e.numpy(), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("shape", [((4, 3), (3,)), ((2, 4, 3), (2, 3))])
def test_gather_and_scatter_add_repeat_indices(shape):
    (source, index_shape) = shape
    axis = len(source) - 2
    a, index = normal(*source), RNG.integers(0, 4, index_shape)
    x, t = DEV.tensor(a), torch.tensor(a, requires_grad=True)
    grads = dfdx.Gradients.leaky()
    y = x.traced(grads).gather(DEV.tensor(index), axis)
    ty = t[index] if axis == 0 else torch.stack([t[k][index[k]] for k in range(2)])
    np.testing.assert_array_equal(y.array(), ty.detach().numpy())
    w = RNG.standard_normal(ty.shape)
    (y * DEV.tensor(w)).sum().backward()
    (ty * torch.tensor(w)).sum().backward()
    np.testing.assert_allclose(grads.get(x).array(), t.grad.numpy(), rtol=1e-12)


def test_special_values_follow_torch():
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, 1.0])
    for name, theirs in [("relu", torch.relu), ("exp", torch.exp), ("tanh", torch.tanh), ("sigmoid", torch.sigmoid), ("erf", torch.erf), ("sqrt", torch.sqrt), ("softplus", F.softplus)]:  # fmt: skip
        np.testing.assert_allclose(
            getattr(dfdx, name)(DEV.tensor(special)).array(),
            theirs(torch.tensor(special)).numpy(),
            rtol=1e-12,
            err_msg=name,
        )
    x, t = DEV.tensor(special), torch.tensor(special)
    assert np.isnan(x.max().item()) and torch.isnan(t.amax())
    np.testing.assert_array_equal(x.clamp(-1.0, 1.0).array(), t.clamp(-1.0, 1.0).numpy())
    rows = np.array([[-np.inf, -np.inf], [1.0, -np.inf]])
    np.testing.assert_array_equal(DEV.tensor(rows).logsumexp(1).array(), torch.tensor(rows).logsumexp(1).numpy())


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32"])
def test_narrow_floats_round_once(dtype):
    theirs = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}[dtype]
    x = DEV.tensor(normal(64).astype(np.float32)).to_dtype(dtype)
    t = torch.tensor(x.to_dtype("f32").array()).to(theirs)
    eps = dfdx.DTYPES[dtype].eps
    for name, f in [("exp", torch.exp), ("tanh", torch.tanh), ("gelu", F.gelu)]:
        np.testing.assert_allclose(
            getattr(dfdx, name)(x).to_dtype("f32").array(), f(t).float().numpy(), rtol=2 * eps, atol=1e-6, err_msg=name
        )
