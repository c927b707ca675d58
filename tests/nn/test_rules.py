"""How modules start, what their parts are called, and what a tape changes."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx
from dfdx import nn, optim

DEV = dfdx.device("cpu")


def built(spec, dtype=dfdx.f32):
    return DEV.build_module(spec, dtype)


# ----- initial values: (specification, path, bound of a uniform draw)
UNIFORM = {
    "linear": (nn.Linear(100, 50), "weight", 0.1),
    "linear_bias": (nn.Linear(100, 500), "bias", 0.1),
    "unbiased": (nn.UnbiasedLinear(100, 50), "weight", 0.1),
    "conv1d": (nn.Conv1D(20, 40, 5, groups=2), "weight", (1 / (5 * 10)) ** 0.5),
    "conv2d": (nn.Conv2D(20, 40, 5, groups=2), "weight", (2 / (20 * 25)) ** 0.5),
    "convtrans2d": (nn.ConvTrans2D(20, 40, 5, groups=2), "weight", (1 / (25 * 20)) ** 0.5),
    "recurrent": (nn.LSTM(10, 25), "0.weight_ih", 0.2),
    "attention": (nn.MultiHeadAttention(64, 4), "w_v.weight", 0.125),
}


def tensor(model, path):
    return next(n.tensor for n in model.named_tensors() if n.path == path)


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_starts(name):
    spec, path, bound = UNIFORM[name]
    a = tensor(built(spec), path).array()
    assert np.abs(a).max() <= bound * (1 + 1e-6) and np.abs(a).max() > 0.97 * bound
    assert abs(a.mean()) < 0.1 * bound and a.std() == pytest.approx(bound / 3**0.5, rel=0.1)


def test_other_starts():
    a = built(nn.Embedding(200, 100)).weight.array()
    assert abs(a.mean()) < 0.02 and a.std() == pytest.approx(1.0, rel=0.02) and np.abs(a).max() > 3
    assert built(nn.PReLU()).a.item() == 0.25 and built(nn.PReLU1D(3)).a.tolist() == [0.25] * 3
    for spec in (nn.Bias1D(3), nn.Bias2D(3)):
        assert built(spec).bias.tolist() == [0.0] * 3
    norm = built(nn.BatchNorm2D(2))
    assert [n.tensor.tolist() for n in norm.named_tensors()] == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]
    assert nn.LeakyReLU().a == 0.05 and nn.Dropout().p == 0.5 and nn.DropoutOneIn(4).p == 0.25


def test_sines_of_the_positions():
    table = built(nn.PositionalEncoding(50, 6), dfdx.f64).weight.array()
    for p, i in ((0, 0), (7, 2), (49, 4)):
        assert table[p, i] == pytest.approx(np.sin(p / 10000 ** (i / 6)))
        assert table[p, i + 1] == pytest.approx(np.cos(p / 10000 ** (i / 6)))
    model = built(nn.PositionalEncoding(50, 6))
    assert model.num_trainable_params() == 0 and model(DEV.zeros((2, 9, 6)))[1, 8].tolist() == model.weight[8].tolist()
    with pytest.raises(dfdx.ShapeError, match="longer than 50"):
        model(DEV.zeros((51, 6)))


# ----- names

NAMES = {
    nn.Conv2D(2, 4, 3, bias=True): ["weight", "bias"],
    nn.BatchNorm1D(2): ["scale", "bias", "running_mean", "running_var"],
    nn.LayerNorm1D(2): ["gamma", "beta"],
    nn.Residual(nn.UnbiasedLinear(2, 2)): ["0.weight"],
    nn.GeneralizedResidual(nn.UnbiasedLinear(2, 2), nn.UnbiasedLinear(2, 2)): ["f.weight", "r.weight"],
    nn.Repeated(nn.UnbiasedLinear(2, 2), 2): ["0.weight", "1.weight"],
    nn.SplitInto(nn.UnbiasedLinear(2, 2), nn.PReLU()): ["0.0.weight", "0.1.a"],
    nn.AddInto(nn.UnbiasedLinear(2, 2), nn.PReLU()): ["0.0.weight", "0.1.a"],
    nn.GRU(2, 2, bidirectional=True, bias=False): ["0.weight_ih", "0.weight_hh", "0_reverse.weight_ih", "0_reverse.weight_hh"],
}  # fmt: skip


@pytest.mark.parametrize("spec", NAMES, ids=lambda s: type(s).__name__)
def test_names(spec):
    assert [n.path for n in built(spec).named_tensors()] == NAMES[spec]


def test_names_in_a_transformer_are_those_of_the_rust_library():
    names = {n.path for n in built(nn.Transformer(4, 2, 8, 1, 2, final_norm=False)).named_tensors()}
    for path in (
        "encoder.0.self_attn.w_q.weight", "encoder.0.ff.0.0.weight", "encoder.0.ff.0.2.bias", "encoder.0.norm2.beta",
        "decoder.0.1.mh_attn.w_o.bias", "decoder.0.0.norm3.gamma",
    ):  # fmt: skip
        assert path in names
    assert "encoder.norm.gamma" not in names
    whole = {n.path for n in built(nn.Transformer(4, 2, 8, 1, 1)).named_tensors()}
    assert {"encoder.norm.gamma", "decoder.norm.beta"} <= whole


# ----- with and without a tape


@pytest.mark.parametrize(
    "make", [lambda: nn.Dropout(0.5), lambda: nn.DropoutOneIn(2), lambda: nn.BatchNorm1D(4), lambda: nn.BatchNorm2D(4)]
)
def test_what_forward_and_forward_mut_refuse(make):
    spec = make()
    for model in (built(spec), built(nn.Residual((spec,)))):
        x = DEV.ones(
            (2, 4, 3, 3) if isinstance(spec, nn.BatchNorm2D) and not isinstance(spec, nn.BatchNorm1D) else (2, 4)
        )
        with pytest.raises(dfdx.TapeError, match=r"(?s)forward infers.*frozen"):
            model.forward(x.traced())
        with pytest.raises(dfdx.TapeError, match="forward_mut trains"):
            model.forward_mut(x)
        model.forward(x)
        model.forward_mut(x.traced())
        model.frozen()(x.traced())


def test_batch_norm_learns_statistics_only_under_a_tape():
    model, x = built(nn.BatchNorm1D(3), dfdx.f64), np.random.default_rng(0).standard_normal((10, 3)) * 3 + 1
    model(DEV.tensor(x))
    assert model.running_mean.tolist() == [0.0] * 3
    frozen = model.frozen()
    frozen(DEV.tensor(x).traced())
    assert model.running_mean.tolist() == [0.0] * 3
    y = model(DEV.tensor(x).traced())
    np.testing.assert_allclose(y.array(), (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5))
    np.testing.assert_allclose(model.running_mean.array(), 0.1 * x.mean(0))
    np.testing.assert_allclose(model.running_var.array(), 0.9 + 0.1 * x.var(0, ddof=1))
    assert frozen.running_mean.tolist() == model.running_mean.tolist()
    with pytest.raises(dfdx.ShapeError, match="more than one value per channel"):
        model(DEV.ones((1, 3), dfdx.f64).traced())


def test_ema_and_freezing_leave_statistics_alone():
    a, b = built((nn.Linear(2, 3), nn.BatchNorm1D(3))), built((nn.Linear(2, 3), nn.BatchNorm1D(3)))
    b(DEV.sample_normal((9, 2)).traced())
    before = a[0].weight.array()
    a.ema(b, 0.75)
    np.testing.assert_allclose(a[0].weight.array(), 0.75 * before + 0.25 * b[0].weight.array(), rtol=1e-5)
    assert a[1].running_mean.tolist() == [0.0] * 3
    assert b.freeze("0", "1.scale").num_trainable_params() == 3
    opt, weight = optim.Sgd(b, 1.0), b[0].weight.array()
    opt.update(b, b(DEV.sample_normal((9, 2)).traced(b.alloc_grads())).square().sum().backward())
    np.testing.assert_array_equal(b[0].weight.array(), weight)
    assert b[1].bias.array().any()


EVERYTHING = (
    nn.Conv2D(1, 4, 3, padding=1, bias=True), nn.BatchNorm2D(4, momentum=0.25), nn.PReLU1D(4), nn.MaxPool2D(2, 2), nn.GroupNorm(2, 4),
    nn.AvgPoolGlobal(), nn.Dropout(0.25), nn.LayerNorm1D(4, epsilon=0.5), nn.Linear(4, 2),
)  # fmt: skip


def test_copies_keep_settings_and_statistics():
    model = built(EVERYTHING)
    x = DEV.sample_normal((5, 1, 6, 6))
    model(x.traced())
    for other in (model.clone(), model.to_device("cpu"), model.to_dtype(dfdx.f64).to_dtype(dfdx.f32)):
        np.testing.assert_allclose(other(x).array(), model(x).array(), rtol=1e-6)
        assert (other[1].momentum, other[6].p, other[7].epsilon) == (0.25, 0.25, 0.5)
        other.reset_params()
        assert other[1].running_mean.tolist() == [0.0] * 4 and model[1].running_mean.array().any()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_files_hold_statistics(tmp_path, suffix):
    model, other = built(EVERYTHING), built(EVERYTHING)
    x = DEV.sample_normal((5, 1, 6, 6))
    model(x.traced())
    model.save(tmp_path / f"m{suffix}")
    other.load(tmp_path / f"m{suffix}")
    np.testing.assert_array_equal(other(x).array(), model(x).array())


def test_the_summary_and_the_tree():
    model = built(
        (nn.Residual((nn.Conv2D(1, 1, 3, padding=1), nn.ReLU())), nn.SplitInto(nn.Flatten2D(), nn.MaxPoolGlobal()))
    )
    text = model.summary(input=(None, 1, 8, None))
    assert "0: Residual()" in text and "[None, 1, 8, None]" in text and "[None, None], [None, 1]" in text
    assert "9 trainable of 9 elements" in text
    assert "0.0" not in repr(model) and "    0: Sequential()" in repr(model) and "weight f32[1, 1, 3, 3]" in repr(model)


def test_the_state_of_a_recurrent_layer_merges_with_the_outputs():
    model = built(nn.GRU(3, 4, return_state=True))
    grads = model.alloc_grads()
    out, state = model(DEV.ones((2, 5, 3)).traced(grads))
    (out.sum() + state.sum()).backward()
    assert all(grads.received(t) for t in model.trainable_tensors())
    out, state = model(DEV.ones((2, 5, 3)).traced(model.alloc_grads()))
    out, tape = out.split_tape()
    grads = state.put_tape(tape).square().sum().backward()
    assert all(grads.received(t) for t in model.trainable_tensors())
    with pytest.raises(dfdx.ShapeError, match="1 states of shape"):
        model(DEV.ones((2, 5, 3)), DEV.ones((1, 3, 4)))


def test_split_heads_add_their_losses():
    model = built(nn.SplitInto((), nn.Linear(3, 2), nn.Linear(3, 2)))
    grads = model.alloc_grads()
    a, b, c = model(DEV.ones((4, 3)).traced(grads))
    assert a.owns_tape and len(b._tape) and c.owns_tape
    (a.sum() + b.sum() + c.square().sum()).backward()
    assert all(grads.received(t) for t in model.trainable_tensors())


def test_inputs_may_come_one_by_one_or_as_a_tuple():
    add, mha = built(nn.AddInto(nn.Linear(2, 3), nn.Linear(4, 3))), built(nn.MultiHeadAttention(4, 2))
    a, b, q = DEV.ones((5, 2)), DEV.ones((5, 4)), DEV.ones((3, 4))
    assert add(a, b).tolist() == add((a, b)).tolist()
    assert mha(q, b, b).tolist() == mha((q, b, b)).tolist() and mha(b).tolist() == mha(b, b, b).tolist()
    for bad in (lambda: add(a), lambda: add(a, b, b), lambda: mha(q, b), lambda: mha(DEV.ones((4,)))):
        with pytest.raises(dfdx.ShapeError):
            bad()


def test_torch_state_that_does_not_fit_is_listed_and_changes_nothing():
    model = built((nn.Linear(3, 2), nn.BatchNorm1D(2), nn.MultiHeadAttention(2, 1)))
    before = [n.tensor.array() for n in model.named_tensors()]
    state = {
        "0.weight": np.zeros((2, 4), "f"),
        "0.bias": np.zeros(2),
        "1.num_batches_tracked": np.int64(3),
        "9": np.zeros(1),
    }
    with pytest.raises(dfdx.CheckpointError) as caught:
        nn.load_torch_state_dict(model, state)
    for fact in (
        "shape of 0.weight: wanted [2, 3]",
        "dtype of 0.bias: wanted f32",
        "missing: 1.running_var",
        "missing: 2.in_proj_weight",
        "extra: 9",
    ):
        assert fact in str(caught.value)
    assert "num_batches" not in str(caught.value)
    for b, n in zip(before, model.named_tensors(), strict=True):
        np.testing.assert_array_equal(b, n.tensor.array())


@pytest.mark.parametrize("dtype", [dfdx.f32, dfdx.f64, dfdx.f16, dfdx.bf16, dfdx.amp_f16, dfdx.amp_bf16])
def test_the_way_to_pytorch_and_back(dtype):
    torch = pytest.importorskip("torch")
    spec = (
        nn.Conv2D(1, 2, 3, bias=True),
        nn.BatchNorm2D(2),
        nn.PReLU(),
        nn.Flatten2D(),
        nn.Linear(8, 4),
        nn.LayerNorm1D(4),
    )
    a, b = built(spec, dtype), built(spec, dtype)
    state = nn.torch_state_dict(a)
    T = torch.nn
    theirs = T.Sequential(T.Conv2d(1, 2, 3), T.BatchNorm2d(2), T.PReLU(), T.Flatten(), T.Linear(8, 4), T.LayerNorm(4))
    theirs.to(state["0.weight"].dtype).load_state_dict(state)
    nn.load_torch_state_dict(b, theirs.state_dict())
    for m, n in zip(a.named_tensors(), b.named_tensors(), strict=True):
        assert m.tensor.tolist() == n.tensor.tolist() and n.tensor.dtype is dtype
