"""Modules: what each computes from its inputs and its parameters by dotted path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import nn
from ...core.errors import ShapeError
from .. import reference as R
from ..info import ErrorSample, ModuleInfo, add
from ..samples import S, Sample, away, ints, normal, positive
from .attention import attention
from .matmul import linear
from .rowwise import layer_norm, log_softmax, normalize, rms_norm, softmax
from .unary import accurate_gelu, fast_gelu, leaky_relu, relu
from .windows import batched, conv2d, convtrans2d, pool2d, upscale2d

Params = dict[str, Any]
ROWS = (S("rows", normal(5, 3)), S("one vector", normal(3)))
IMAGES = (S("images", normal(2, 3, 5, 6)), S("one image", normal(3, 5, 6)))


def module(
    name: str, make: Callable[[], Any], reference: Any, samples: tuple[Sample, ...] = ROWS, **fields: Any
) -> None:
    add(ModuleInfo(name, make, samples, reference, **fields))


def under(p: Params, prefix: str) -> Params:
    """The parameters of a sub-module."""
    return {k.removeprefix(prefix + "."): v for k, v in p.items() if k.startswith(prefix + ".")}


def width(cls: str, spec: Any, shape: tuple[int, ...], *words: str) -> tuple[ErrorSample, ...]:
    """An input that does not fit: the error names the module."""
    return (
        ErrorSample(
            "an input that does not fit", lambda d: d.build_module(spec())(d.ones(shape)), ShapeError, (cls, *words)
        ),
    )


# ----- activations


def _pointwise(f: Any) -> Any:
    return lambda p, x: f(x)


for _name, _f, _draw in (
    ("ReLU", relu, away), ("FastGeLU", fast_gelu, normal), ("AccurateGeLU", accurate_gelu, normal), ("Sigmoid", R.sigmoid, normal), ("Tanh", R.tanh, normal),
    ("Sin", R.sin, normal), ("Cos", R.cos, normal), ("Ln", R.log, positive), ("Exp", R.exp, normal), ("Square", lambda x: x * x, normal),
    ("Sqrt", R.sqrt, positive), ("Abs", R.abs, away),
):  # fmt: skip
    module(_name, getattr(nn, _name), _pointwise(_f), (S("rows", _draw(5, 3)), S("rank-0", _draw())))
module("Softmax", nn.Softmax, lambda p, x: softmax(x, -1))
module("LogSoftmax", nn.LogSoftmax, lambda p, x: log_softmax(x, -1))
module("LeakyReLU", nn.LeakyReLU, lambda p, x: leaky_relu(x, 0.05), (S("rows", away(5, 3)),))
module("PReLU", nn.PReLU, lambda p, x: R.where(x.v > 0, x, x * p["a"]), (S("rows", away(5, 3)),))
module("PReLU1D", lambda: nn.PReLU1D(3), lambda p, x: R.where(x.v > 0, x, x * _channel(p["a"], x)), (S("rows", away(5, 3)), S("signals", away(2, 3, 4))),
       errors=width("PReLU1D", lambda: nn.PReLU1D(3), (5, 4), "C = 3"))  # fmt: skip


def _channel(v: Any, x: Any, axis: int = 1) -> Any:
    return R.reshape(v, tuple(n if i == axis % len(x.shape) else 1 for i, n in enumerate(x.shape)))


# ----- linear layers and norms

module("Linear", lambda: nn.Linear(3, 4), lambda p, x: linear(x, p["weight"], p["bias"]), (*ROWS, S("a batch", normal(2, 5, 3))),
       errors=width("Linear(3, 4)", lambda: nn.Linear(3, 4), (2, 5), "[linear]"))  # fmt: skip
module("UnbiasedLinear", lambda: nn.UnbiasedLinear(3, 4), lambda p, x: linear(x, p["weight"]))
module("Bias1D", lambda: nn.Bias1D(3), lambda p, x: x + p["bias"])
module("Bias2D", lambda: nn.Bias2D(3), lambda p, x: x + _channel(p["bias"], x, -3), IMAGES)
module(
    "LayerNorm1D",
    lambda: nn.LayerNorm1D(3),
    lambda p, x: layer_norm(x, p["gamma"], p["beta"]),
    (S("rows", normal(5, 3)), S("a batch", normal(2, 4, 3))),
)
module(
    "LayerNorm1D without a bias",
    lambda: nn.LayerNorm1D(3, bias=False),
    lambda p, x: normalize(x) * p["gamma"],
    (S("rows", normal(5, 3)),),
)
module("RMSNorm", lambda: nn.RMSNorm(3), lambda p, x: rms_norm(x, p["gamma"]))


def group_norm(p: Params, x: Any, groups: int = 2) -> Any:
    n, c, *rest = x.shape
    y = R.reshape(x, (n, groups, c // groups, *rest))
    y = R.reshape(normalize(y, tuple(range(2, len(y.shape)))), x.shape)
    return y * _channel(p["gamma"], x) + _channel(p["beta"], x)


module("GroupNorm", lambda: nn.GroupNorm(2, 4), group_norm, (S("images", normal(2, 4, 3, 2)), S("features", normal(3, 4))),
       errors=width("GroupNorm", lambda: nn.GroupNorm(2, 4), (2, 6), "4"))  # fmt: skip


def batch_norm(axis: Callable[[Any], int]) -> tuple[Any, Any]:
    """By the running statistics, and by those of the batch, which move them."""

    def scaled(p: Params, x: Any, mean: Any, var: Any, at: int) -> Any:
        s, b = _channel(p["scale"], x, at), _channel(p["bias"], x, at)
        return (x - mean) / R.sqrt(var + 1e-5) * s + b

    def infer(p: Params, x: Any) -> Any:
        at = axis(x)
        return scaled(p, x, _channel(p["running_mean"], x, at), _channel(p["running_var"], x, at), at)

    def train(p: Params, x: Any) -> Any:
        at = axis(x)
        others = tuple(i for i in range(len(x.shape)) if i != at)
        n = x.v.size // x.shape[at]
        mean = R.mean(x, others, keep=True)
        c = x - mean
        var = R.mean(c * c, others, keep=True)
        flat = (x.shape[at],)
        moved = {
            "running_mean": p["running_mean"] * 0.9 + R.reshape(mean, flat) * 0.1,
            "running_var": p["running_var"] * 0.9 + R.reshape(var, flat) * (0.1 * n / (n - 1)),
        }
        return scaled(p, x, mean, var, at), moved

    return infer, train


for _name, _spec, _samples, _axis in (
    ("BatchNorm2D", lambda: nn.BatchNorm2D(3), IMAGES, lambda x: len(x.shape) - 3),
    (
        "BatchNorm1D",
        lambda: nn.BatchNorm1D(3),
        (S("features", normal(5, 3)), S("signals", normal(4, 3, 5))),
        lambda x: 1,
    ),
):
    _infer, _train = batch_norm(_axis)
    module(
        _name,
        _spec,
        _infer,
        _samples,
        train=_train,
        errors=width(_name, _spec, (2, 4, 5, 5) if "2" in _name else (2, 4), "C = 3"),
    )


def _identity(p: Params, x: Any) -> Any:
    return x


module("Dropout", lambda: nn.Dropout(0.0), _identity)
module("DropoutOneIn", lambda: nn.DropoutOneIn(1), _identity, train=lambda p, x: x * 0.0)

# ----- images and signals

module("Conv2D", lambda: nn.Conv2D(3, 4, 3, stride=2, padding=1, bias=True), lambda p, x: _conv(p, x, stride=2, padding=1), IMAGES,
       errors=width("Conv2D", lambda: nn.Conv2D(3, 4, 3), (1, 2, 5, 5), "3", "2"))  # fmt: skip
module("Conv2D with groups", lambda: nn.Conv2D(4, 6, (2, 3), dilation=(1, 2), groups=2), lambda p, x: batched(conv2d, 4)(x, p["weight"], dilation=(1, 2), groups=2),
       (S("images", normal(2, 4, 6, 7)),))  # fmt: skip
module(
    "Conv1D",
    lambda: nn.Conv1D(3, 4, 3, padding=1),
    lambda p, x: batched(conv2d, 3)(x, p["weight"], padding=1),
    (S("signals", normal(2, 3, 7)),),
)
module(
    "ConvTrans2D",
    lambda: nn.ConvTrans2D(3, 4, 3, stride=2),
    lambda p, x: batched(convtrans2d, 4)(x, p["weight"], stride=2),
    (S("images", normal(2, 3, 4, 3)),),
)


def _conv(p: Params, x: Any, **at: Any) -> Any:
    y = batched(conv2d, 4)(x, p["weight"], **at)
    return y + _channel(p["bias"], y, -3)


for _kind, _kernel_kind in (("Avg", "avg"), ("Max", "max"), ("Min", "min")):
    module(
        f"{_kind}Pool2D",
        lambda k=_kind: getattr(nn, f"{k}Pool2D")(2),
        lambda p, x, k=_kernel_kind: batched(pool2d, 4)(x, kind=k, kernel=2, stride=1),
        IMAGES,
    )
    _reduce = {"Avg": R.mean, "Max": R.max, "Min": R.min}[_kind]
    module(f"{_kind}PoolGlobal", getattr(nn, f"{_kind}PoolGlobal"), lambda p, x, f=_reduce: f(x, (-2, -1)), IMAGES)


module("Upscale2D", lambda: nn.Upscale2D(7, 9, "bilinear"), lambda p, x: upscale2d(x, (7, 9), "bilinear"), IMAGES)
module(
    "Upscale2DBy", lambda: nn.Upscale2DBy(2, 3), lambda p, x: upscale2d(x, (x.shape[-2] * 2, x.shape[-1] * 3)), IMAGES
)
module(
    "Flatten2D",
    nn.Flatten2D,
    lambda p, x: R.reshape(x, (*x.shape[:-3], x.shape[-3] * x.shape[-2] * x.shape[-1])),
    IMAGES,
)
module("Reshape", lambda: nn.Reshape((3, 5)), lambda p, x: R.reshape(x, (3, 5)), (S("rows", normal(5, 3)),))

# ----- modules around modules


def _layer(p: Params, x: Any) -> Any:
    return linear(x, p["weight"], p["bias"])


def _mlp(p: Params, x: Any) -> Any:
    return _layer(under(p, "2"), R.tanh(_layer(under(p, "0"), x)))


module("Sequential", lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), _mlp)
module(
    "Repeated",
    lambda: nn.Repeated((nn.Linear(3, 3), nn.Tanh()), 2),
    lambda p, x: R.tanh(_layer(under(p, "1.0"), R.tanh(_layer(under(p, "0.0"), x)))),
)
module("Residual", lambda: nn.Residual(nn.Linear(3, 3)), lambda p, x: _layer(under(p, "0"), x) + x,
       errors=width("Linear(3, 3)", lambda: nn.Residual(nn.Linear(3, 3)), (2, 4), "[linear]"))  # fmt: skip
module("ResidualMul", lambda: nn.ResidualMul(nn.Linear(3, 3)), lambda p, x: _layer(under(p, "0"), x) * x)
module(
    "GeneralizedResidual",
    lambda: nn.GeneralizedResidual(nn.Linear(3, 2), nn.Linear(3, 2)),
    lambda p, x: _layer(under(p, "f"), x) + _layer(under(p, "r"), x),
)
module(
    "GeneralizedMul",
    lambda: nn.GeneralizedMul(nn.Linear(3, 2), nn.Linear(3, 2)),
    lambda p, x: _layer(under(p, "f"), x) * _layer(under(p, "r"), x),
)
module(
    "SplitInto",
    lambda: nn.SplitInto(nn.Linear(3, 2), nn.Linear(3, 4)),
    lambda p, x: (_layer(under(p, "0.0"), x), _layer(under(p, "0.1"), x)),
)
module("AddInto", lambda: nn.AddInto(nn.Linear(3, 2), nn.Linear(4, 2)), lambda p, x, y: _layer(under(p, "0.0"), x) + _layer(under(p, "0.1"), y),
       (S("two inputs", normal(5, 3), normal(5, 4)),))  # fmt: skip
module(
    "Embedding",
    lambda: nn.Embedding(7, 3),
    lambda p, i: R.move(p["weight"], lambda a: a[i.v]),
    (S("ids", ints(7, 5)), S("a batch", ints(7, 2, 4)), S("one id", ints(7))),
)


def _sines(length: int, model: int) -> Any:
    i = np.arange(model)
    angle = np.arange(length)[:, None] / 10000.0 ** ((i - i % 2) / model)
    return np.where(i % 2, np.cos(angle), np.sin(angle))


def _table(v: Any) -> Any:
    """Values that were rounded to the dtype when the model was built."""
    return R.Ref(v, 0.5 * R.spacing(R.now().storage, v))


module("LearnedPositionalEncoding", lambda: nn.LearnedPositionalEncoding(6, 4), lambda p, x: x + R.move(p["weight"], lambda a: a[: x.shape[-2]]),
       (S("sequences", normal(2, 5, 4)), S("one sequence", normal(6, 4))), errors=width("LearnedPositionalEncoding", lambda: nn.LearnedPositionalEncoding(6, 4), (7, 4), "6"))  # fmt: skip
module("PositionalEncoding", lambda: nn.PositionalEncoding(6, 4), lambda p, x: x + _table(_sines(6, 4)[: x.shape[-2]]), (S("sequences", normal(2, 5, 4)),),
       fixed=("weight",))  # fmt: skip

# ----- recurrent


def _gates(p: Params, x: Any, h: Any, n: int) -> list[tuple[Any, Any]]:
    """What x and h give to each gate."""
    a, b = linear(x, p["weight_ih"], p["bias_ih"]), linear(h, p["weight_hh"], p["bias_hh"])
    m = h.shape[-1]
    part = lambda t, i: R.move(t, lambda v: v[..., i * m : (i + 1) * m])  # noqa: E731
    return [(part(a, i), part(b, i)) for i in range(n)]


def rnn_step(p: Params, x: Any, state: Any) -> Any:
    ((a, b),) = _gates(p, x, state[0], 1)
    return (R.tanh(a + b),)


def gru_step(p: Params, x: Any, state: Any) -> Any:
    (h,) = state
    (ra, rb), (za, zb), (na, nb) = _gates(p, x, h, 3)
    z = R.sigmoid(za + zb)
    return ((1.0 - z) * R.tanh(na + R.sigmoid(ra + rb) * nb) + z * h,)


def lstm_step(p: Params, x: Any, state: Any) -> Any:
    h, c = state
    i, f, g, o = (a + b for a, b in _gates(p, x, h, 4))
    c = R.sigmoid(f) * c + R.sigmoid(i) * R.tanh(g)
    return R.sigmoid(o) * R.tanh(c), c


def _cell(step: Any, n: int) -> Any:
    """One step, from the states given."""

    def reference(p: Params, x: Any, *state: Any) -> Any:
        new = step(p, x, state)
        return new if n > 1 else new[0]

    return reference


def _sequence(step: Any, n: int, layers: tuple[tuple[str, bool], ...]) -> Any:
    """Layers over (B, S, inp) from zero states; each is (sub-module, backwards), those of one depth side by side."""

    def reference(p: Params, x: Any) -> Any:
        depths = sorted({name.partition("_")[0] for name, _ in layers})
        for depth in depths:
            x = R.concat([run(under(p, name), x, back) for name, back in layers if name.partition("_")[0] == depth], -1)
        return x

    def run(p: Params, x: Any, backwards: bool) -> Any:
        state = tuple(R.leaf(np.zeros((x.shape[0], p["weight_hh"].shape[1]))) for _ in range(n))
        outs = []
        for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
            state = step(p, R.move(x, lambda a, t=t: a[:, t]), state)
            outs.append(state[0])
        return R.stack(outs[::-1] if backwards else outs, 1)

    return reference


for _name, _step, _n in (("RNN", rnn_step, 1), ("GRU", gru_step, 1), ("LSTM", lstm_step, 2)):
    _packed = (lambda m, x, h, c: m(x, (h, c))) if _n == 2 else None
    module(
        f"{_name}Cell",
        lambda c=_name: getattr(nn, f"{c}Cell")(3, 4),
        _cell(_step, _n),
        (S("rows", normal(5, 3), *[normal(5, 4)] * _n),),
        call=_packed,
    )
    module(
        _name,
        lambda c=_name: getattr(nn, c)(3, 4),
        _sequence(_step, _n, (("0", False),)),
        (S("sequences", normal(2, 4, 3)),),
    )
    module(f"{_name}, two layers both ways", lambda c=_name: getattr(nn, c)(3, 2, layers=2, bidirectional=True),
           _sequence(_step, _n, (("0", False), ("0_reverse", True), ("1", False), ("1_reverse", True))), (S("sequences", normal(2, 3, 3)),))  # fmt: skip

# ----- attention and transformers


def heads(p: Params, q: Any, k: Any, v: Any, n: int = 2, causal: bool = False, mask: Any = None) -> Any:
    q, k, v = (_split(_layer(under(p, w), t), n) for w, t in (("w_q", q), ("w_k", k), ("w_v", v)))
    y = R.move(attention(q, k, v, mask, causal), lambda a: np.swapaxes(a, -3, -2))
    return _layer(under(p, "w_o"), R.reshape(y, (*y.shape[:-2], y.shape[-2] * y.shape[-1])))


def _split(x: Any, n: int) -> Any:
    x = R.reshape(x, (*x.shape[:-1], n, x.shape[-1] // n))
    return R.move(x, lambda a: np.swapaxes(a, -3, -2))


def _norm(p: Params, name: str, x: Any) -> Any:
    q = under(p, name)
    return layer_norm(x, q["gamma"], q["beta"])


def _ff(p: Params, x: Any) -> Any:
    q = under(p, "ff.0")
    return _layer(under(q, "2"), relu(_layer(under(q, "0"), x)))


def encoder_block(p: Params, x: Any, causal: bool = False) -> Any:
    x = _norm(p, "norm1", heads(under(p, "self_attn"), x, x, x, causal=causal) + x)
    return _norm(p, "norm2", _ff(p, x) + x)


def pre_norm_block(p: Params, x: Any) -> Any:
    h = _norm(p, "norm1", x)
    x = heads(under(p, "self_attn"), h, h, h) + x
    return _ff(p, _norm(p, "norm2", x)) + x


def decoder_block(p: Params, x: Any, memory: Any, causal: bool = False) -> Any:
    x = _norm(p, "norm1", heads(under(p, "self_attn"), x, x, x, causal=causal) + x)
    x = _norm(p, "norm2", heads(under(p, "mh_attn"), x, memory, memory) + x)
    return _norm(p, "norm3", _ff(p, x) + x)


def transformer(p: Params, source: Any, target: Any) -> Any:
    memory = _norm(p, "encoder.norm", encoder_block(under(p, "encoder.0"), source))
    return _norm(p, "decoder.norm", decoder_block(under(p, "decoder.0.0"), target, memory))


_sequences = (S("sequences", normal(2, 3, 4)), S("one sequence", normal(3, 4)))
_pairs = (S("sequences", normal(2, 3, 4), normal(2, 5, 4)),)
module(
    "MultiHeadAttention",
    lambda: nn.MultiHeadAttention(4, 2, causal=True),
    lambda p, x: heads(p, x, x, x, causal=True),
    _sequences,
)
module(
    "MultiHeadAttention to a memory",
    lambda: nn.MultiHeadAttention(4, 2),
    heads,
    (S("q, k, v", normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 4)),),
)
module("TransformerEncoderBlock", lambda: nn.TransformerEncoderBlock(4, 2, 6), encoder_block, _sequences)
module(
    "TransformerEncoderBlock, norms first",
    lambda: nn.TransformerEncoderBlock(4, 2, 6, pre_norm=True),
    pre_norm_block,
    _sequences,
)
module(
    "TransformerDecoderBlock",
    lambda: nn.TransformerDecoderBlock(4, 2, 6, causal=True),
    lambda p, x, m: decoder_block(p, x, m, True),
    _pairs,
)
module(
    "TransformerEncoder",
    lambda: nn.TransformerEncoder(4, 2, 6, 2),
    lambda p, x: encoder_block(under(p, "1"), encoder_block(under(p, "0"), x)),
    _sequences,
)
module(
    "TransformerDecoder",
    lambda: nn.TransformerDecoder(4, 2, 6, 1),
    lambda p, x, m: decoder_block(under(p, "0.0"), x, m),
    _pairs,
)
module("Transformer", lambda: nn.Transformer(4, 2, 6, 1, 1), transformer, _pairs)
