"""Every op with a gradient against PyTorch in float64: value, gradient, and the gradient of the gradient."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import dfdx
from dfdx.core.registry import OPS

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


def attend(q, k, v, mask=None, **options):
    """By the formula: PyTorch's fused kernels have no second derivative."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return F.scaled_dot_product_attention(q, k, v, mask, **options)


INDEX, ROWS = DEV.tensor([2, 0, 2]), DEV.tensor([[1, 3, 1], [0, 0, 2]])
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
    "rpow": (lambda x: 2.5**x, lambda x: 2.5**x, normal(3, 4)),
    "rpow_of_zero": (lambda x: 0.0**x, lambda x: 0.0**x, np.array([0.0, 1.0, 2.5])),
    "rpow_of_int": (lambda x: 2**x, lambda x: 2**x, normal(3)),
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
    "prelu": (lambda a, b: a.prelu(b), lambda a, b: torch.where(a > 0, a, a * b), normal(5), normal(5)),
    "prelu_edge": (
        lambda a: a.prelu(0.25),
        lambda a: F.prelu(a, torch.tensor([0.25]).double()),
        np.array([0.0, -0.0, 1.0, -1.0]),
    ),
    "leaky": (lambda a: a.leaky_relu(0.1), lambda a: F.leaky_relu(a, 0.1), np.array([0.0, -0.0, 1.0, -1.0])),
    "nans_to": (lambda a: a.nans_to(3.0), lambda a: torch.where(a.isnan(), 3.0, a), np.array([np.nan, 1.0, -2.0])),
    "where": (lambda a, b: dfdx.where(a > b, a, b), lambda a, b: torch.where(a > b, a, b), normal(9), normal(9)),
    "where_number": (lambda a: dfdx.where(a > 0.0, 2.0, a), lambda a: torch.where(a > 0, 2.0, a), normal(9)),
    "axpy": (lambda a, b: dfdx.axpy(a, 2.0, b, -3.0), lambda a, b: 2 * a - 3 * b, normal(4), normal(4)),
    "numbers": (
        lambda a: (2.0 - (a.with_empty_tape() * 3.0 - 1.0 + 4.0) / 2.0) * (1.0 / a),
        lambda a: (2 - (a * 3 - 1 + 4) / 2) / a,
        positive(4),
    ),
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
    "unstack": (lambda a: dfdx.stack(a.unstack(1)[::2]), lambda a: torch.stack(a.unbind(1)[::2]), normal(2, 3)),
    "pad": (lambda a: a.pad([(1, 2), (0, 3)], 1.5), lambda a: F.pad(a, (0, 3, 1, 2), value=1.5), normal(2, 3)),
    "roll": (lambda a: a.roll(2, 1), lambda a: a.roll(2, 1), normal(2, 5)),
    "flip": (lambda a: a.flip((0, 1)), lambda a: a.flip(0, 1), normal(2, 5)),
    "repeat": (lambda a: a.repeat((2, 3)), lambda a: a.repeat(2, 3), normal(2, 5)),
    "triu": (lambda a: a.triu(1), lambda a: a.triu(1), normal(4, 5)),
    "tril": (lambda a: a.tril(-1), lambda a: a.tril(-1), normal(2, 4, 5)),
    "cumsum": (lambda a: a.cumsum(1), lambda a: a.cumsum(1), normal(2, 5, 3)),
    "sort": (lambda a: a.sort(0, True), lambda a: a.sort(0, True)[0], normal(6, 2)),
    "topk": (lambda a: a.topk(2, 0)[0], lambda a: a.topk(2, 0)[0], normal(6, 2)),
    "gather": (lambda a: a.gather(INDEX), lambda a: a[INDEX.array()], normal(4, 3)),
    "gather_rows": (lambda a: a.gather(ROWS, 1), lambda a: a[[[0], [1]], ROWS.array()], normal(2, 4, 3)),
    "select": (lambda a: a.select(INDEX, 1), lambda a: a[[0, 1, 2], INDEX.array()], normal(3, 4, 2)),
    "scatter_add": (
        lambda a: a.scatter_add(INDEX, 4),
        lambda a: torch.zeros(4, 2).double().index_add(0, torch.tensor(INDEX.array()), a),
        normal(3, 2),
    ),
    "cast": (lambda a: a.to_dtype("f32").to_dtype("f64"), lambda a: a.float().double(), normal(3)),
    "contiguous": (lambda a: a.permute((1, 0)).contiguous(), lambda a: a.T.contiguous(), normal(2, 3)),
    "einsum": (
        lambda a, b: dfdx.einsum("bij,kj->ik", a, b),
        lambda a, b: torch.einsum("bij,kj->ik", a, b),
        normal(2, 3, 4),
        normal(5, 4),
    ),
    "einsum_diagonal": (lambda a: dfdx.einsum("iji->j", a), lambda a: torch.einsum("iji->j", a), normal(3, 2, 3)),
    "einsum_three": (
        lambda a, b, c: dfdx.einsum("ij,jk,il->kl", a, b, c),
        lambda a, b, c: torch.einsum("ij,jk,il->kl", a, b, c),
        normal(2, 3),
        normal(3, 4),
        normal(2, 5),
    ),
    "einsum_dots": (
        lambda a, b: dfdx.einsum("...ij,...j", a, b),
        lambda a, b: torch.einsum("...ij,...j", a, b),
        normal(2, 3, 4),
        normal(2, 4),
    ),
    "conv2d": (
        lambda x, w: x.conv2d(w, (1, 2), 1, (2, 1), 2),
        lambda x, w: F.conv2d(x, w, None, (1, 2), 1, (2, 1), 2),
        normal(2, 4, 5, 6),
        normal(2, 2, 2, 3),
    ),
    "conv1d": (lambda x, w: x.conv1d(w, 2, 1), lambda x, w: F.conv1d(x, w, None, 2, 1), normal(3, 7), normal(2, 3, 3)),
    "convtrans2d": (
        lambda x, w: x.convtrans2d(w, 2, 1, output_padding=1),
        lambda x, w: F.conv_transpose2d(x, w, None, 2, 1, 1),
        normal(1, 2, 3, 4),
        normal(2, 3, 3, 3),
    ),
    "pool_max": (lambda x: x.pool2d("max", (2, 3), 2, 1), lambda x: F.max_pool2d(x, (2, 3), 2, 1), few(2, 2, 5, 6)),
    "pool_avg": (lambda x: x.pool2d("avg", (2, 3), 2, 1), lambda x: F.avg_pool2d(x, (2, 3), 2, 1), normal(2, 2, 5, 6)),
    "upscale_nearest": (lambda x: x.upscale2d((5, 4)), lambda x: F.interpolate(x, (5, 4)), normal(2, 2, 3, 3)),
    "upscale_bilinear": (
        lambda x: x.upscale2d((5, 4), "bilinear"),
        lambda x: F.interpolate(x, (5, 4), mode="bilinear", align_corners=True),
        normal(2, 2, 3, 3),
    ),
    "attention": (
        lambda q, k, v: dfdx.attention(q, k, v, causal=True),
        lambda q, k, v: attend(q, k, v, is_causal=True),
        normal(2, 3, 4),
        normal(2, 5, 4),
        normal(2, 5, 2),
    ),
    "attention_mask": (
        lambda q, k, v, m: dfdx.attention(q, k, v, m),
        attend,
        normal(2, 3, 4),
        normal(2, 5, 4),
        normal(2, 5, 2),
        normal(3, 5),
    ),
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


def traced(name, case):
    """Our inputs with their Gradients, PyTorch's inputs, and the results of both."""
    ours, theirs, *arrays = case
    grads = dfdx.Gradients.leaky()
    xs, ts = [DEV.tensor(a) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]
    return grads, xs, ts, ours(*[x.traced(grads) for x in xs]), theirs(*ts)


def close(ours, theirs, tolerance):
    np.testing.assert_allclose(ours.array(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance, strict=True)


@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name, again):
    """Twice: from the second call on plans and recorded pullbacks of the same types are used, on other numbers."""
    ours, theirs, *arrays = CASES[name]
    grads, xs, ts, y, ty = traced(name, (ours, theirs, *[np.flip(a).copy() if again else a for a in arrays]))
    tolerance = 1e-6 if name == "cast" else 1e-10
    close(y, ty, tolerance)
    w = np.random.default_rng(1).standard_normal(ty.shape)
    (y * DEV.tensor(w)).sum().backward()
    (ty * torch.tensor(w)).sum().backward()
    for x, t in zip(xs, ts, strict=True):
        close(grads.get(x), t.grad, tolerance)


NO_SECOND = {
    "norm_2_zero",
    "prelu_edge",
    "rpow_of_zero",
}  # at a kink PyTorch's second derivative is NaN, or not that of its first


@pytest.mark.parametrize("name", sorted(CASES.keys() - NO_SECOND))
def test_second_derivative(name):
    """Of a loss that is not linear in the op's value, by every input, through `backward(retrace=True)`."""
    grads, xs, ts, y, ty = traced(name, CASES[name])
    w = np.random.default_rng(1).standard_normal(ty.shape)
    (y.square() * DEV.tensor(w)).sum().backward(retrace=True)
    first = torch.autograd.grad((ty.square() * torch.tensor(w)).sum(), ts, create_graph=True)
    total, expected = DEV.zeros((), "f64"), torch.zeros((), dtype=torch.float64)
    for x, t in zip(xs, first, strict=True):
        total, expected = total + grads.get(x).sin().sum(), expected + t.sin().sum()
    if not expected.requires_grad:
        return  # piecewise constant gradients
    second = total.backward()
    for x, t in zip(xs, torch.autograd.grad(expected, ts, allow_unused=True), strict=True):
        if t is not None:
            close(second.get(x), t, 1e-5 if name == "cast" else 1e-8)


def core_ops():
    """Those that `import dfdx` registers: in this process nn and plugins may have added theirs."""
    code = "import dfdx; from dfdx.core.registry import OPS; print(*OPS)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_every_differentiable_op_has_a_case():
    """The ops on the tapes of all cases, of their gradients and of what is tested by itself."""
    seen = {"dropout"}  # test_tensor.py: its mask is drawn anew in the backward pass
    for name, case in CASES.items():
        grads, xs, _, y, _ = traced(name, case)
        y.square().sum().backward(retrace=True)
        for x in xs:
            seen |= {e[1].spec.name for e in grads.get(x)._tape.entries}
    owed = {n for n in core_ops() if OPS[n].differentiable and not n.startswith("arg")}
    assert owed - seen == set()


def elementwise(f):
    """Whether f of (2, 1) is f of its elements."""
    try:
        return f(torch.ones(2, 1)).shape == (2, 1) and torch.equal(
            f(torch.ones(2, 1)), torch.stack([f(torch.ones(1, 1))[0]] * 2)
        )
    except (RuntimeError, IndexError, ValueError):
        return False


def test_special_values_follow_pytorch():
    """Signed zeros, infinities, NaN and the edges of exp: values and gradients. Where we differ it is said."""
    special = np.array(
        [0.0, -0.0, 1.0, -1.0, 0.5, 100.0, -100.0, 750.0, -750.0, 1e300, -1e300, np.inf, -np.inf, np.nan]
    )
    differ = {"abs": "the gradient at NaN is NaN", "sign": "NaN stays NaN", "pow": "IEEE: (-inf)^0.5 is inf"}
    for name, (ours, theirs, *arrays) in CASES.items():
        if len(arrays) == 1 and name not in differ and elementwise(theirs):
            g, (x,), (t,), y, ty = traced(name, (ours, theirs, special[:, None]))
            y.sum().backward(), ty.sum().backward()
            np.testing.assert_allclose(y.array(), ty.detach().numpy(), rtol=1e-10, atol=1e-40, err_msg=name)
            np.testing.assert_allclose(g.get(x).array(), t.grad.numpy(), rtol=1e-10, atol=1e-40, err_msg=name)


ROWS_OF_SPECIALS = [
    [1, 2, 3],
    [np.nan, 1],
    [np.inf, 1],
    [np.inf, np.inf],
    [-np.inf, -np.inf],
    [-np.inf, 1],
    [0, 0],
    [0, 1],
    [5],
]


@pytest.mark.parametrize("row", ROWS_OF_SPECIALS, ids=str)
def test_rows_of_special_values_follow_pytorch(row):
    weights = np.arange(1.0, len(row) + 1)
    for name, ours, theirs in [
        ("sum", lambda x: x.sum(), torch.sum), ("prod", lambda x: x.prod(), torch.prod), ("max", lambda x: x.max(), torch.amax),
        ("min", lambda x: x.min(), torch.amin), ("logsumexp", lambda x: x.logsumexp(), lambda t: t.logsumexp(0)),
        ("softmax", lambda x: x.softmax(0) * DEV.tensor(weights), lambda t: t.softmax(0) * torch.tensor(weights)),
        ("log_softmax", lambda x: x.log_softmax(0) * DEV.tensor(weights), lambda t: t.log_softmax(0) * torch.tensor(weights)),
        ("cumsum", lambda x: x.cumsum(0), lambda t: t.cumsum(0)), ("norm", lambda x: x.norm(), torch.linalg.vector_norm),
        ("norm_3", lambda x: x.norm(p=3.0), lambda t: torch.linalg.vector_norm(t, 3)), ("std", lambda x: x.std(), lambda t: t.std(correction=0)),
    ]:  # fmt: skip
        g, (x,), (t,), y, ty = traced(name, (ours, theirs, np.array(row, np.float64)))
        y.sum().backward(), ty.sum().backward()
        np.testing.assert_allclose(y.array(), ty.detach().numpy(), rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(g.get(x).array(), t.grad.numpy(), rtol=1e-12, err_msg=name)


PAIRS = {
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "power": torch.pow,
    "huber_error": lambda a, b: F.huber_loss(a, b, reduction="none"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_of_special_values_follow_pytorch(name):
    values = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, np.inf, -np.inf, np.nan]
    a, b = np.array([(p, q) for p in values for q in values]).T.copy()
    g, xs, ts, y, ty = traced(name, (getattr(dfdx, name), PAIRS[name], a, b))
    y.sum().backward(), ty.sum().backward()
    np.testing.assert_allclose(y.array(), ty.detach().numpy(), rtol=1e-12)
    for x, t in zip(xs, ts, strict=True):
        np.testing.assert_allclose(g.get(x).array(), t.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32"])
def test_narrow_floats_round_once(dtype):
    theirs = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}[dtype]
    x = DEV.tensor(normal(64).astype(np.float32)).to_dtype(dtype)
    t = torch.tensor(x.to_dtype("f32").array()).to(theirs)
    eps = dfdx.DTYPES[dtype].eps
    for name, f in [("exp", torch.exp), ("tanh", torch.tanh), ("gelu", F.gelu)]:
        got = getattr(dfdx, name)(x).to_dtype("f32").array()
        np.testing.assert_allclose(got, f(t).float().numpy(), rtol=2 * eps, atol=1e-6, err_msg=name)
