"""ONNX export, judged by onnx's checker and onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx
from dfdx import nn

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
DEV = dfdx.device("cpu", seed=3)
ACTIVATIONS = (
    nn.ReLU, nn.FastGeLU, nn.AccurateGeLU, nn.Sigmoid, nn.Tanh, nn.Sin, nn.Cos, nn.Exp, nn.Square, nn.Abs, nn.Softmax,
    nn.LogSoftmax, nn.LeakyReLU,
)  # fmt: skip


def _round_trip(model, path, input, given):
    model.export_onnx(path, input=input)
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outs = session.run(None, {f"x{k}": t.array() for k, t in enumerate(_flat(given))})
    for theirs, mine in zip(outs, _flat(model(*given)), strict=True):
        np.testing.assert_allclose(theirs, mine.array(), rtol=1e-5, atol=1e-6)
    return session


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.__name__)
def test_activations(activation, tmp_path):
    _round_trip(DEV.build_module(activation()), tmp_path / "m.onnx", (None, 6), [DEV.sample_normal((3, 6))])


def test_a_model_with_a_free_batch_keeps_its_names(tmp_path):
    model = DEV.build_module(((nn.Linear(10, 32), nn.ReLU()), nn.LayerNorm1D(32), nn.Dropout(0.5), nn.Linear(32, 2)))
    for n in (1, 7):
        session = _round_trip(model, tmp_path / "m.onnx", (None, 10), [DEV.sample_normal((n, 10))])
    assert session.get_outputs()[0].shape == ["n", 2]
    stored = {i.name for i in onnx.load(tmp_path / "m.onnx").graph.initializer}
    assert {n.path for n in model.named_tensors()} <= stored


class _Views(nn.Module):
    """Views, joins, choices and reductions, with two inputs."""

    def __init__(self):
        self.weight = nn.Param((4, 3), nn.init.normal())

    def forward(self, x, index):
        rows = self.weight.gather(index)  # (n, 3)
        y = (x @ self.weight).permute((1, 0))[:, ::1]  # (3, n)
        both = dfdx.concat([y.permute((1, 0)), rows], axis=1)  # (n, 6)
        kept = dfdx.where(both > 0.0, both, both.expm1().log1p())
        flat = kept.reshape((kept.shape[0], 2, 3)).sum(1) + rows.max(1).broadcast_to(rows.shape, 1)
        return flat, both.logsumexp(1), both.select(index, 1)


def test_views_joins_choices_and_several_inputs(tmp_path):
    model = DEV.build_module(_Views())
    given = [DEV.sample_normal((5, 4)), DEV.tensor([3, 0, 1, 1, 2])]
    _round_trip(model, tmp_path / "m.onnx", [(None, 4), ((None,), dfdx.i64)], given)


# ops by name: (function of the input, shape of the input)
IMAGES = {
    "conv": (lambda x, w: x.conv2d(w.reshape((6, 2, 3, 2)), (2, 1), (1, 0), (1, 2), 2), (2, 4, 9, 8)),
    "transposed": (lambda x, w: x.convtrans2d(w.reshape((4, 3, 3, 2)), 2, 1, 1, 2, 1), (2, 4, 5, 6)),
    "max": (lambda x, w: x.pool2d("max", 3, 2, 1), (2, 3, 9, 8)),
    "min": (lambda x, w: x.pool2d("min", (2, 3), 1, (1, 0), 2), (2, 3, 9, 8)),
    "avg": (lambda x, w: x.pool2d("avg", 3, 2, 1), (2, 3, 9, 8)),
    "nearest": (lambda x, w: x.upscale2d((7, 5)), (2, 3, 3, 4)),
    "bilinear": (lambda x, w: x.upscale2d((7, 1), "bilinear"), (2, 3, 3, 4)),
    "attention": (lambda x, w: dfdx.attention(x, x.sin(), x.cos(), causal=True), (2, 3, 5, 4)),
    "argmax": (lambda x, w: x.argmax(1), (2, 5)),
    "sort": (lambda x, w: x.sort(1, descending=True), (3, 6)),
    "cumsum": (lambda x, w: x.cumsum(1), (3, 6)),
    "conv1d": (lambda x, w: x.conv1d(w.reshape((6, 4, 3)), 2, 1), (2, 4, 9)),
}


class _Op(nn.Module):
    def __init__(self, name):
        self.name = name
        self.weight = nn.Param((72,), nn.init.normal())

    def forward(self, x):
        return IMAGES[self.name][0](x, self.weight)


@pytest.mark.parametrize("name", IMAGES)
def test_images_orders_and_attention(name, tmp_path):
    shape = IMAGES[name][1]
    _round_trip(DEV.build_module(_Op(name)), tmp_path / "m.onnx", (None, *shape[1:]), [DEV.sample_normal(shape)])


def _modules():
    """Every module of the conformance kit, with its first sample in f32."""
    import dfdx.conformance.database  # fills ENTRIES
    from dfdx.conformance.info import ENTRIES

    for (kind, name), entry in ENTRIES.items():
        samples = [s for s in getattr(entry, "samples", ()) if s.takes(dfdx.f32) and not s.kwargs]
        if kind == "module":
            assert samples, f"{name} has no sample"
            yield pytest.param(entry, samples[0], id=name.replace(" ", "_"))


@pytest.mark.parametrize(("entry", "sample"), list(_modules()))
def test_every_module(entry, sample, tmp_path):
    hosts = sample.arrays(entry.name, dfdx.f32)
    flat = [DEV.tensor(h, i.dtype or dfdx.f32) for h, i in zip(hosts, sample.inputs, strict=True)]
    given = _Asked().of(entry, flat)
    model, path = DEV.build_module(entry.make()), tmp_path / "m.onnx"
    ours = list(_flat(model(*given)))
    model.export_onnx(path, input=[_described(v) for v in given])
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    theirs = session.run(None, {i.name: flat[int(i.name[1:])].array() for i in session.get_inputs()})
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(a, b.array(), rtol=2e-4, atol=2e-5)


class _Asked:
    """A model that keeps what it is called with."""

    def of(self, entry, tensors):
        if entry.call is None:
            return tensors
        entry.call(self, *tensors)
        return self.inputs

    def __call__(self, *inputs):
        self.inputs = inputs


def _described(value):
    """A tensor as (shape, dtype); a tuple of them as a list."""
    return (value.shape, value.dtype) if isinstance(value, dfdx.Tensor) else [_described(v) for v in value]


@pytest.mark.parametrize("cell", [nn.RNN, nn.GRU, nn.LSTM])
def test_sequences_with_a_state_and_a_free_batch(cell, tmp_path):
    model = DEV.build_module(cell(3, 4, layers=2, bidirectional=True, return_state=True))
    x, h, c = DEV.sample_normal((2, 5, 3)), DEV.sample_normal((4, 2, 4)), DEV.sample_normal((4, 2, 4))
    state, shape = ((h, c), [(4, None, 4), (4, None, 4)]) if cell is nn.LSTM else (h, (4, None, 4))
    session = _round_trip(model, tmp_path / "m.onnx", [(None, 5, 3), shape], [x, state])
    assert [i.shape for i in session.get_inputs()[:2]] == [["n", 5, 3], [4, "n", 4]]


def _flat(out):
    if isinstance(out, dfdx.Tensor):
        yield out
    else:
        for o in out:
            yield from _flat(o)


class _Mask(nn.Module):
    def forward(self, x):
        return x * x.device.arange(x.shape[0], dtype=dfdx.f32).broadcast_like(x, 1)


class _Drawn(nn.Module):
    def forward(self, x):
        return x.dropout(0.5)


def test_what_onnx_cannot_say_is_one_error_and_no_file(tmp_path):
    path = tmp_path / "m.onnx"
    with pytest.raises(dfdx.DfdxError, match="follow the free dim"):
        DEV.build_module(_Mask()).export_onnx(path, input=(None, 3))
    with pytest.raises(dfdx.DfdxError, match="dropout|random|becomes"):
        DEV.build_module(_Drawn()).export_onnx(path, input=(2, 3))
    assert not path.exists()
    _round_trip(DEV.build_module(_Mask()), path, (4, 3), [DEV.sample_normal((4, 3))])
