"""Modules: building, checks, what every built module can do."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import dfdx
from dfdx import ShapeError, losses, nn

DEV = dfdx.device("cpu")
MLP = ((nn.Linear(10, 32), nn.ReLU()), (nn.Linear(32, 32), nn.ReLU()), (nn.Linear(32, 2), nn.Tanh()))


def test_a_specification_has_no_tensors_and_builds_copies():
    a, b = DEV.build_module(MLP), DEV.build_module(MLP)
    assert a[0][0].weight.shape == (32, 10) and a[0][0].weight.id != b[0][0].weight.id
    assert [n.path for n in a.named_tensors()] == [
        "0.0.weight",
        "0.0.bias",
        "1.0.weight",
        "1.0.bias",
        "2.0.weight",
        "2.0.bias",
    ]
    assert a.num_trainable_params() == 1474
    with pytest.raises(TypeError, match="specification"):
        nn.Linear(2, 2)(DEV.ones((1, 2)))


def test_same_seed_same_parameters_and_bounds():
    a, b = (dfdx.device("cpu", seed=4).build_module(MLP)[0][0].weight.array() for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a).max() <= 10**-0.5 and np.abs(a).max() > 0.9 * 10**-0.5


@pytest.mark.parametrize(
    ("spec", "facts"),
    [
        ((nn.Linear(4, 3), nn.Linear(5, 2)), ["1: Linear(5, 2)", "takes 5", "gives 3"]),
        ((nn.Linear(4, 3), nn.ReLU(), (nn.Dropout(0.1), nn.Linear(8, 2))), ["2.1: Linear(8, 2)"]),
        ((nn.Linear(4, 3), nn.LayerNorm1D(4)), ["1: LayerNorm1D(4)"]),
    ],
)
def test_build_checks_adjacent_widths(spec, facts):
    with pytest.raises(ShapeError) as caught:
        DEV.build_module(spec)
    assert all(f in str(caught.value) for f in facts)


def test_build_checks_the_whole_model_given_an_input():
    with pytest.raises(ShapeError, match=r"(?s)0.0: Linear\(10, 32\).*x.shape\[-1\] = 9"):
        DEV.build_module(MLP, input=(None, 9))


def test_errors_inside_a_model_name_the_path():
    model = DEV.build_module(MLP)
    with pytest.raises(ShapeError, match=r"^0.0: Linear\(10, 32\): \[linear\]"):
        model(DEV.ones((3, 7)))


def test_parameters_cannot_be_assigned_and_modules_not_pickled():
    model = DEV.build_module(nn.Linear(2, 2))
    with pytest.raises(AttributeError, match="in place"):
        model.weight = DEV.ones((2, 2))
    with pytest.raises(TypeError, match="save"):
        pickle.dumps(model)


def test_copies_have_their_own_ids_and_keep_settings():
    model = DEV.build_module((nn.Linear(3, 3), nn.Dropout(0.125), nn.LayerNorm1D(3, epsilon=0.5)))
    for other in (model.clone(), copy.deepcopy(model), model.to_device("cpu"), model.to_dtype(dfdx.f64)):
        assert other[1].p == 0.125 and other[2].epsilon == 0.5
        ids = {n.tensor.id for n in model.named_tensors()}
        assert not ids & {n.tensor.id for n in other.named_tensors()}
        np.testing.assert_allclose(other[0].weight.array(), model[0].weight.array())
    assert model.to_dtype(dfdx.f64)[0].weight.dtype is dfdx.f64


def test_in_place_writers_keep_ids():
    a, b = DEV.build_module(MLP), DEV.build_module(MLP)
    before, first = a[0][0].weight.id, a[0][0].weight.array()
    a.ema(b, 0.5)
    np.testing.assert_allclose(a[0][0].weight.array(), (first + b[0][0].weight.array()) / 2, rtol=1e-6)
    a.copy_from(b)
    np.testing.assert_array_equal(a[0][0].weight.array(), b[0][0].weight.array())
    a.reset_params()
    assert a[0][0].weight.id == before and not np.array_equal(a[0][0].weight.array(), b[0][0].weight.array())


def test_dropout_follows_the_tape():
    model = DEV.build_module((nn.Linear(8, 64), nn.Dropout(0.5)))
    x = DEV.ones((2, 8))
    assert (model(x).array() == model[0](x).array()).all()
    assert 0.2 < (model(x.traced()).array() == 0).mean() < 0.8
    assert (model.frozen()(x.traced()).array() != 0).all()
    with pytest.raises(dfdx.TapeError, match="forward infers"):
        model.forward(x.traced())
    with pytest.raises(dfdx.TapeError, match="forward_mut trains"):
        model.forward_mut(x)


def test_frozen_parameters_are_constants_but_the_input_gets_its_gradient():
    model, x = DEV.build_module(nn.Linear(2, 1)), DEV.ones((1, 2))
    grads = model.frozen()(x.traced()).sum().backward()
    assert model.weight not in grads
    np.testing.assert_array_equal(grads.get(x).array(), model.weight.array())


def test_custom_modules():
    class Gate(nn.Module):
        def __init__(self, n):
            self.a, self.b = nn.Linear(n, n), (nn.Linear(n, n), nn.Sigmoid())
            self.scale = nn.Param((n,), nn.init.ones)

        def forward(self, x):
            return self.a(x.with_empty_tape()) * self.b(x) * self.scale.broadcast_like(x)

    model = DEV.build_module((Gate(3), nn.Linear(3, 1)), dfdx.f64)
    assert [n.path for n in model.named_tensors()][:3] == ["0.scale", "0.a.weight", "0.a.bias"]
    x, grads = DEV.sample_normal((4, 3), dfdx.f64), model.alloc_grads()
    grads = model(x.traced(grads)).sum().backward()
    assert all(grads.received(n.tensor) for n in model.named_tensors())


def test_freeze():
    model = DEV.build_module(MLP)
    model.freeze("0", "1.0.bias")
    assert [n.path for n in model.named_tensors() if n.trainable] == ["1.0.weight", "2.0.weight", "2.0.bias"]
    with pytest.raises(KeyError, match="no parameter under"):
        model.freeze("9")


def test_summary_and_tree():
    model = DEV.build_module(MLP)
    text = model.summary(input=(None, 10))
    assert "[None, 32]" in text and "[1, 32]" not in text
    assert "Linear(10, 32)" in text and "1,474 trainable" in text
    assert repr(model).splitlines()[2] == "    0: Linear(10, 32)  [weight f32[32, 10], bias f32[32]]"


def test_moved_tape_at_the_door_and_several_inputs():
    class Add(nn.Module):
        def forward(self, a, b):
            return a + b.exp()

    model, x = DEV.build_module(Add()), DEV.ones((2,))
    grads = model(x.traced(), x).sum().backward()
    assert grads.get(x).array() == pytest.approx(1 + np.e)
    t = x.traced()
    t.exp()
    with pytest.raises(dfdx.TapeMovedError, match=r"\[Add\]"):
        model(t, x)


torch = pytest.importorskip("torch")
PAIRS = {
    "relu": (nn.ReLU, torch.nn.ReLU), "tanh": (nn.Tanh, torch.nn.Tanh), "sigmoid": (nn.Sigmoid, torch.nn.Sigmoid),
    "gelu": (nn.GeLU, torch.nn.GELU), "softmax": (nn.Softmax, lambda: torch.nn.Softmax(-1)),
    "log_softmax": (nn.LogSoftmax, lambda: torch.nn.LogSoftmax(-1)), "leaky": (nn.LeakyReLU, lambda: torch.nn.LeakyReLU(0.05)),
    "layer_norm": (lambda: nn.LayerNorm1D(5), lambda: torch.nn.LayerNorm(5, dtype=torch.float64)),
    "rms_norm": (lambda: nn.RMSNorm(5), lambda: torch.nn.RMSNorm(5, eps=1e-5, dtype=torch.float64)),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_against_torch(name):
    ours, theirs = PAIRS[name]
    model, tm = DEV.build_module(ours(), dfdx.f64), theirs()
    x = np.random.default_rng(1).standard_normal((3, 4, 5))
    t, d, grads = torch.tensor(x, requires_grad=True), DEV.tensor(x), dfdx.Gradients.leaky()
    y = model(d.traced(grads))
    np.testing.assert_allclose(y.array(), tm(t).detach().numpy(), rtol=1e-9, atol=1e-12)
    y.square().sum().backward()
    tm(t).square().sum().backward()
    np.testing.assert_allclose(grads.get(d).array(), t.grad.numpy(), rtol=1e-8, atol=1e-10)


F = torch.nn.functional
LOSSES = {
    "mse": (losses.mse_loss, F.mse_loss), "mae": (losses.mae_loss, F.l1_loss),
    "rmse": (losses.rmse_loss, lambda p, y: F.mse_loss(p, y).sqrt()),
    "huber": (lambda p, y: losses.huber_loss(p, y, 0.5), lambda p, y: F.huber_loss(p, y, delta=0.5)),
    "smooth_l1": (lambda p, y: losses.smooth_l1_loss(p, y, 0.5), lambda p, y: F.smooth_l1_loss(p, y, beta=0.5)),
    "bce": (losses.binary_cross_entropy_with_logits_loss, F.binary_cross_entropy_with_logits),
    "cross_entropy": (losses.cross_entropy_with_logits_loss, F.cross_entropy),
    "smoothed": (lambda p, y: losses.cross_entropy_with_logits_loss(p, y, 0.1), lambda p, y: F.cross_entropy(p, y, label_smoothing=0.1)),
    "kl": (losses.kl_div_with_logits_loss, lambda p, y: F.kl_div(F.log_softmax(p, -1), y, reduction="batchmean")),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses_against_torch(name):
    ours, theirs = LOSSES[name]
    rng = np.random.default_rng(2)
    p, q = rng.standard_normal((6, 4)), rng.random((6, 4))
    q[0, 0] = 0.0
    q /= q.sum(1, keepdims=True)
    t, d, grads = torch.tensor(p, requires_grad=True), DEV.tensor(p), dfdx.Gradients.leaky()
    loss, tl = ours(d.traced(grads), DEV.tensor(q)), theirs(t, torch.tensor(q))
    assert loss.shape == () and loss.item() == pytest.approx(tl.item(), rel=1e-12)
    loss.backward()
    tl.backward()
    np.testing.assert_allclose(grads.get(d).array(), t.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("ignore", "smooth"), [(None, 0.0), (2, 0.0), (2, 0.2)])
def test_cross_entropy_from_classes(ignore, smooth):
    rng = np.random.default_rng(3)
    p, c = rng.standard_normal((8, 4)), rng.integers(0, 4, 8)
    t, d, grads = torch.tensor(p, requires_grad=True), DEV.tensor(p), dfdx.Gradients.leaky()
    loss = losses.cross_entropy_with_indices_loss(d.traced(grads), DEV.tensor(c), ignore, smooth)
    tl = F.cross_entropy(t, torch.tensor(c), ignore_index=-100 if ignore is None else ignore, label_smoothing=smooth)
    assert loss.item() == pytest.approx(tl.item())
    loss.backward()
    tl.backward()
    np.testing.assert_allclose(grads.get(d).array(), t.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_loss_errors():
    p = DEV.ones((3,))
    with pytest.raises(dfdx.TapeError, match="detach"):
        losses.mse_loss(p, p.traced())
    with pytest.raises(ShapeError, match=r"\[mse_loss\] shapes differ"):
        losses.mse_loss(p, DEV.ones((4,)))
    grads = losses.rmse_loss(p.traced(), p).backward()
    assert grads.get(p).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("pre_norm", [False, True])
def test_a_transformer_block_drops_the_output_of_its_parts(pre_norm):
    """With probability 1 only the way around the parts is left; without a tape nothing is dropped."""
    one, all_ = (
        DEV.build_module(nn.TransformerEncoderBlock(8, 2, 16, pre_norm=pre_norm, dropout=p)) for p in (0.0, 1.0)
    )
    all_.copy_from(one)
    x = DEV.sample_normal((2, 5, 8))
    assert all_(x).tolist() == one(x).tolist()
    y = all_(x.traced(all_.alloc_grads()))
    np.testing.assert_allclose(y.array(), (x if pre_norm else one.norm2(one.norm1(x))).array(), rtol=1e-5, atol=1e-6)


def test_dropout_reaches_every_block():
    model = DEV.build_module(nn.Transformer(8, 2, 16, 2, 2, dropout=0.25))
    assert repr(model).count("Dropout(0.25)") == 4
    decoder = DEV.build_module(nn.TransformerDecoder(8, 2, 16, 1, dropout=0.5))
    x, memory = DEV.sample_normal((3, 8)), DEV.sample_normal((4, 8))
    assert decoder(x.traced(decoder.alloc_grads()), memory).tolist() != decoder(x, memory).tolist()


@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_sequence_drops_between_its_layers(layer):
    """With probability 1 the second layer sees zeros; without a tape, or with one layer, nothing is dropped."""
    model = DEV.build_module(layer(3, 4, layers=2, dropout=1.0))
    plain = DEV.build_module(layer(3, 4, layers=2))
    plain.copy_from(model)
    x = DEV.sample_normal((2, 5, 3))
    assert model(x).tolist() == plain(x).tolist()
    second = DEV.build_module(layer(4, 4))
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(second.__dict__["0"], name).copy_from(getattr(model.__dict__["1"], name))
    np.testing.assert_allclose(
        model(x.traced(model.alloc_grads())).array(), second(DEV.zeros((2, 5, 4))).array(), rtol=1e-6
    )
    single = DEV.build_module(layer(3, 4, dropout=1.0))
    assert single(x.traced(single.alloc_grads())).tolist() == single(x).tolist()
