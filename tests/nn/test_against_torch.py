"""Every module that PyTorch has, with PyTorch's weights: forward, backward, and ten optimizer steps, in f64."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import dfdx
from dfdx import nn, optim

torch = pytest.importorskip("torch")
T = torch.nn
DEV = dfdx.device("cpu")


class Case(NamedTuple):
    ours: Any  # a specification
    theirs: Any  # makes the module of PyTorch
    shapes: Any  # of the inputs; an int stands for ids below it, of shape (3, 4)
    call: Any = lambda m, *xs: m(*xs)  # how PyTorch's is called
    run: Any = lambda m, *xs: m(*xs)  # how ours is called


class Add(T.Module):
    """f(x) + r(x), or f(x) * r(x), under the names that ours have."""

    def __init__(self, mul=False, **parts):
        super().__init__()
        for k, m in parts.items():
            self.add_module({"zero": "0"}.get(k, k), m)
        self.mul = mul

    def forward(self, x):
        outs = [m(x) for m in self.children()]
        outs = outs if len(outs) > 1 else [*outs, x]
        return outs[0] * outs[1] if self.mul else outs[0] + outs[1]


def self_attention(m, x):
    return m(x, x, x, need_weights=False)[0]


def causal(m, x):
    n = x.shape[-2]
    hidden = torch.triu(torch.ones(n, n, dtype=torch.bool), 1)
    return m(x, x, x, attn_mask=hidden, need_weights=False)[0]


def hidden_mask(s, t):
    """True where PyTorch hides."""
    return np.arange(s)[:, None] % 3 == np.arange(t)[None, :] % 2


def seen(m, *xs, **masks):
    return m(*xs, **{k: DEV.tensor(~v) for k, v in masks.items()})


def encoder(**kw):
    return T.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, **kw)


def decoder(**kw):
    return T.TransformerDecoderLayer(8, 2, 16, dropout=0.0, batch_first=True, **kw)


def rnn(kind, **kw):
    return lambda: getattr(T, kind)(5, 6, batch_first=True, **kw)


def flat(out):
    """All of an output (outputs and states) as one vector."""
    parts = out if isinstance(out, tuple) else (out,)
    parts = [p for o in parts for p in (o if isinstance(o, tuple) else (o,))]
    if isinstance(parts[0], dfdx.Tensor):
        return dfdx.concat([p.reshape((p.numel,)) for p in parts]) if len(parts) > 1 else parts[0]
    return torch.cat([p.reshape(-1) for p in parts]) if len(parts) > 1 else parts[0]


IMAGE, SEQ = (3, 4, 8, 9), (3, 5, 8)
M = hidden_mask(5, 5)
CASES = {
    "linear": Case(nn.Linear(8, 3), lambda: T.Linear(8, 3), [SEQ]),
    "unbiased_linear": Case(nn.UnbiasedLinear(8, 3), lambda: T.Linear(8, 3, bias=False), [(8,)]),
    "conv2d": Case(nn.Conv2D(4, 6, 3), lambda: T.Conv2d(4, 6, 3, bias=False), [IMAGE]),
    "conv2d_all": Case(
        nn.Conv2D(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), groups=2, bias=True),
        lambda: T.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), groups=2),
        [IMAGE],
    ),
    "conv2d_unbatched": Case(nn.Conv2D(4, 6, 3, 2, bias=True), lambda: T.Conv2d(4, 6, 3, 2), [IMAGE[1:]]),
    "conv1d": Case(nn.Conv1D(8, 6, 3, 2, 1, 1, 2), lambda: T.Conv1d(8, 6, 3, 2, 1, 1, 2, bias=False), [(3, 8, 7)]),
    "conv1d_bias": Case(nn.Conv1D(8, 6, 3, bias=True), lambda: T.Conv1d(8, 6, 3), [(8, 7)]),
    "convtrans2d": Case(nn.ConvTrans2D(4, 6, 3, 2, 1), lambda: T.ConvTranspose2d(4, 6, 3, 2, 1, bias=False), [IMAGE]),
    "convtrans2d_all": Case(
        nn.ConvTrans2D(4, 6, (3, 2), 2, 1, groups=2, bias=True), lambda: T.ConvTranspose2d(4, 6, (3, 2), 2, 1, 0, 2), [IMAGE]
    ),
    "batch_norm_2d": Case(nn.BatchNorm2D(4), lambda: T.BatchNorm2d(4), [IMAGE]),
    "batch_norm_2d_settings": Case(nn.BatchNorm2D(4, 0.1, 0.5), lambda: T.BatchNorm2d(4, 0.1, 0.5), [IMAGE]),
    "batch_norm_1d": Case(nn.BatchNorm1D(8), lambda: T.BatchNorm1d(8), [(6, 8)]),
    "batch_norm_1d_long": Case(nn.BatchNorm1D(5), lambda: T.BatchNorm1d(5), [SEQ]),
    "layer_norm": Case(nn.LayerNorm1D(8), lambda: T.LayerNorm(8), [SEQ]),
    "layer_norm_unbiased": Case(nn.LayerNorm1D(8, 0.1, bias=False), lambda: T.LayerNorm(8, 0.1, bias=False), [SEQ]),
    "rms_norm": Case(nn.RMSNorm(8), lambda: T.RMSNorm(8, eps=1e-5), [SEQ]),
    "group_norm": Case(nn.GroupNorm(2, 4), lambda: T.GroupNorm(2, 4), [IMAGE]),
    "embedding": Case(nn.Embedding(7, 8), lambda: T.Embedding(7, 8), [7]),
    "prelu": Case(nn.PReLU(), lambda: T.PReLU(), [SEQ]),
    "prelu_1d": Case(nn.PReLU1D(4), lambda: T.PReLU(4), [IMAGE]),
    "leaky_relu": Case((nn.Linear(8, 3), nn.LeakyReLU(0.1)), lambda: T.Sequential(T.Linear(8, 3), T.LeakyReLU(0.1)), [SEQ]),
    "flatten": Case((nn.Flatten2D(),), lambda: T.Sequential(T.Flatten()), [IMAGE]),
    "residual": Case(nn.Residual(nn.Linear(8, 8)), lambda: Add(zero=T.Linear(8, 8)), [SEQ]),
    "residual_mul": Case(nn.ResidualMul(nn.Linear(8, 8)), lambda: Add(True, zero=T.Linear(8, 8)), [SEQ]),
    "generalized": Case(
        nn.GeneralizedResidual((nn.Linear(8, 3), nn.Tanh()), nn.Linear(8, 3)),
        lambda: Add(f=T.Sequential(T.Linear(8, 3), T.Tanh()), r=T.Linear(8, 3)),
        [SEQ],
    ),
    "generalized_mul": Case(
        nn.GeneralizedMul(nn.Linear(8, 3), (nn.Linear(8, 3), nn.Sigmoid())),
        lambda: Add(True, f=T.Linear(8, 3), r=T.Sequential(T.Linear(8, 3), T.Sigmoid())),
        [SEQ],
    ),
    "max_pool": Case(nn.MaxPool2D(3, 2, 1), lambda: T.MaxPool2d(3, 2, 1), [IMAGE]),
    "avg_pool": Case(nn.AvgPool2D((3, 2), 2, 1), lambda: T.AvgPool2d((3, 2), 2, 1), [IMAGE]),
    "avg_pool_global": Case(nn.AvgPoolGlobal(), lambda: T.Sequential(T.AdaptiveAvgPool2d(1), T.Flatten()), [IMAGE]),
    "max_pool_global": Case(nn.MaxPoolGlobal(), lambda: T.Sequential(T.AdaptiveMaxPool2d(1), T.Flatten()), [IMAGE]),
    "upscale": Case(nn.Upscale2D(12, 20), lambda: T.Upsample((12, 20)), [IMAGE]),
    "upscale_by": Case(nn.Upscale2DBy(2, 3), lambda: T.Upsample(scale_factor=(2, 3)), [IMAGE]),
    "upscale_bilinear": Case(
        nn.Upscale2D(11, method="bilinear"), lambda: T.Upsample(11, mode="bilinear", align_corners=True), [IMAGE]
    ),
    "attention": Case(
        nn.MultiHeadAttention(8, 2),
        lambda: T.MultiheadAttention(8, 2, batch_first=True),
        [SEQ, (3, 7, 8), (3, 7, 8)],
        lambda m, q, k, v: m(q, k, v, need_weights=False)[0],
    ),
    "self_attention": Case(
        nn.MultiHeadAttention(8, 2), lambda: T.MultiheadAttention(8, 2, batch_first=True), [SEQ], self_attention
    ),
    "attention_unbatched": Case(
        nn.MultiHeadAttention(8, 4, bias=False), lambda: T.MultiheadAttention(8, 4, bias=False), [(5, 8)], self_attention
    ),
    "attention_causal": Case(
        nn.MultiHeadAttention(8, 2, causal=True), lambda: T.MultiheadAttention(8, 2, batch_first=True), [SEQ], causal
    ),
    "attention_masked": Case(
        nn.MultiHeadAttention(8, 2),
        lambda: T.MultiheadAttention(8, 2, batch_first=True),
        [SEQ],
        lambda m, x: m(x, x, x, attn_mask=torch.tensor(M), need_weights=False)[0],
        lambda m, x: seen(m, x, mask=M),
    ),
    "encoder_block": Case(nn.TransformerEncoderBlock(8, 2, 16), encoder, [SEQ]),
    "encoder_block_pre_norm": Case(
        nn.TransformerEncoderBlock(8, 2, 16, pre_norm=True, activation=nn.GeLU()),
        lambda: encoder(norm_first=True, activation="gelu"),
        [SEQ],
    ),
    "encoder": Case(
        nn.TransformerEncoder(8, 2, 16, 2, final_norm=True),
        lambda: T.TransformerEncoder(encoder(), 2, T.LayerNorm(8)),
        [SEQ],
        lambda m, x: m(x, mask=torch.tensor(M)),
        lambda m, x: seen(m, x, mask=M),
    ),
    "decoder_block": Case(nn.TransformerDecoderBlock(8, 2, 16), decoder, [SEQ, (3, 7, 8)]),
    "decoder_causal": Case(
        nn.TransformerDecoder(8, 2, 16, 2, causal=True, pre_norm=True),
        lambda: T.TransformerDecoder(decoder(norm_first=True), 2),
        [SEQ, (3, 7, 8)],
        lambda m, x, y: m(x, y, tgt_mask=torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)),
    ),
    "transformer": Case(
        nn.Transformer(8, 2, 16, 2, 2),
        lambda: T.Transformer(8, 2, 2, 2, 16, dropout=0.0, batch_first=True),
        [(3, 7, 8), SEQ],
        lambda m, s, t: m(s, t, memory_mask=torch.tensor(hidden_mask(5, 7)), tgt_mask=torch.tensor(M)),
        lambda m, s, t: seen(m, s, t, memory_mask=hidden_mask(5, 7), mask=M),
    ),
    "rnn": Case(nn.RNN(5, 6), rnn("RNN"), [(3, 4, 5)], lambda m, x: m(x)[0]),
    "rnn_relu_unbiased": Case(
        nn.RNN(5, 6, bias=False, relu=True), rnn("RNN", bias=False, nonlinearity="relu"), [(4, 5)], lambda m, x: m(x)[0]
    ),
    "gru": Case(nn.GRU(5, 6, 2), rnn("GRU", num_layers=2), [(3, 4, 5)], lambda m, x: m(x)[0]),
    "gru_state": Case(nn.GRU(5, 6, return_state=True), rnn("GRU"), [(3, 4, 5), (1, 3, 6)]),
    "lstm": Case(nn.LSTM(5, 6, return_state=True), rnn("LSTM"), [(3, 4, 5)]),
    "lstm_bidirectional": Case(
        nn.LSTM(5, 6, 2, bidirectional=True, return_state=True),
        rnn("LSTM", num_layers=2, bidirectional=True),
        [(3, 4, 5), (4, 3, 6), (4, 3, 6)],
        lambda m, x, h, c: m(x, (h, c)),
        lambda m, x, h, c: m(x, (h, c)),
    ),
    "rnn_cell": Case(nn.RNNCell(5, 6), lambda: T.RNNCell(5, 6), [(3, 5), (3, 6)]),
    "gru_cell": Case(nn.GRUCell(5, 6), lambda: T.GRUCell(5, 6), [(3, 5)]),
    "lstm_cell": Case(
        nn.LSTMCell(5, 6), lambda: T.LSTMCell(5, 6), [(3, 5), (3, 6), (3, 6)], *(lambda m, x, h, c: m(x, (h, c)),) * 2
    ),
    **{
        f"activation_{ours}": Case((nn.Linear(8, 3), getattr(nn, ours)()), make, [SEQ])
        for ours, make in {
            "ReLU": lambda: T.Sequential(T.Linear(8, 3), T.ReLU()),
            "GeLU": lambda: T.Sequential(T.Linear(8, 3), T.GELU()),
            "FastGeLU": lambda: T.Sequential(T.Linear(8, 3), T.GELU("tanh")),
            "Sigmoid": lambda: T.Sequential(T.Linear(8, 3), T.Sigmoid()),
            "Tanh": lambda: T.Sequential(T.Linear(8, 3), T.Tanh()),
            "Softmax": lambda: T.Sequential(T.Linear(8, 3), T.Softmax(-1)),
            "LogSoftmax": lambda: T.Sequential(T.Linear(8, 3), T.LogSoftmax(-1)),
        }.items()
    },
}  # fmt: skip


def drawn(shape, rng):
    return rng.integers(0, shape, (3, 4)) if isinstance(shape, int) else rng.standard_normal(shape)


def same(a, b, what):
    np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10, err_msg=what)


def both_gradients(case, model, theirs, arrays, rng):
    """Outputs and losses of both, backward done; (our gradients, our inputs, their inputs)."""
    grads = model.alloc_grads()
    xs = [DEV.tensor(a) for a in arrays]
    for x in xs:
        if x.dtype.is_float:
            grads.retain(x)
    ys = [torch.tensor(a, requires_grad=a.dtype == np.float64) for a in arrays]
    out, wanted = flat(case.run(model, *[x.traced(grads) for x in xs])), flat(case.call(theirs, *ys))
    same(out.array().reshape(-1), wanted.detach().numpy().reshape(-1), "forward")
    weight = rng.standard_normal(out.shape)
    (out * DEV.tensor(weight)).mean().backward()
    (wanted * torch.tensor(weight.reshape(wanted.shape))).mean().backward()
    return grads, xs, ys


def under_their_names(model, grads):
    """Gradients, laid out as PyTorch lays parameters out."""
    twin = model.clone()
    for mine, copy in zip(model.named_tensors(), twin.named_tensors(), strict=True):
        if mine.trainable:
            copy.tensor.axpy(0.0, grads.get(mine.tensor), 1.0)
    return nn.torch_state_dict(twin)


@pytest.mark.parametrize("name", CASES)
def test_as_in_pytorch(name):
    case, rng = CASES[name], np.random.default_rng(0)
    torch.manual_seed(0)
    theirs = case.theirs().double()
    for p in theirs.parameters():
        torch.nn.init.uniform_(p, -0.6, 0.6)
    model = DEV.build_module(case.ours, dfdx.f64)
    nn.load_torch_state_dict(model, theirs.state_dict())
    arrays = [drawn(s, rng) for s in case.shapes]
    grads, xs, ys = both_gradients(case, model, theirs, arrays, rng)
    for x, y in zip(xs, ys, strict=True):
        if y.requires_grad:
            same(grads.get(x).array(), y.grad.numpy(), "gradient of the input")
    ours = under_their_names(model, grads)
    for key, p in theirs.named_parameters():
        same(ours[key].numpy(), p.grad.numpy(), f"gradient of {key}")
    if not list(theirs.parameters()):
        return
    opt, topt = optim.Sgd(model, 0.05, optim.Classic(0.9)), torch.optim.SGD(theirs.parameters(), 0.05, momentum=0.9)
    for _ in range(10):
        topt.zero_grad()
        grads, *_ = both_gradients(case, model, theirs, [drawn(s, rng) for s in case.shapes], rng)
        opt.update(model, grads)
        topt.step()
    trained = nn.torch_state_dict(model)
    for key, p in theirs.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            same(trained[key].numpy(), p.numpy(), f"{key} after ten steps")
    theirs.load_state_dict(trained)
    theirs.eval()
    out = flat(case.run(model, *[DEV.tensor(a) for a in arrays]))
    with torch.no_grad():
        same(
            out.array().reshape(-1),
            flat(case.call(theirs, *[torch.tensor(a) for a in arrays])).numpy().reshape(-1),
            "inference",
        )
