"""Optimizers: ten steps beside PyTorch's, checks before changes, state on disk."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx
from dfdx import losses, nn, optim

torch = pytest.importorskip("torch")
DEV = dfdx.device("cpu")
PAIRS = {
    "sgd": (lambda m: optim.Sgd(m, 0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "momentum": (lambda m: optim.Sgd(m, 0.1, optim.Classic(0.9)), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "nesterov": (
        lambda m: optim.Sgd(m, 0.1, optim.Nesterov(0.9)),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    ),
    "l2": (
        lambda m: optim.Sgd(m, 0.1, optim.Classic(0.9), optim.L2(0.01)),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
    ),
    "adam": (lambda m: optim.Adam(m, 0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "adam_l2": (
        lambda m: optim.Adam(m, 0.01, weight_decay=optim.L2(0.1)),
        lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.1),
    ),
    "adamw": (lambda m: optim.AdamW(m, 0.01, weight_decay=0.1), lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)),
}


def _pair(dtype=dfdx.f64):
    model = DEV.build_module((nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), dtype)
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).double()
    theirs.load_state_dict({n.path: torch.tensor(n.tensor.array()) for n in model.named_tensors()})
    return model, theirs


def _step(model, opt, x, y, grads):
    grads = losses.mse_loss(model(x.traced(grads)), y).backward()
    opt.update(model, grads)
    model.zero_grads(grads)
    return grads


@pytest.mark.parametrize("name", PAIRS)
def test_ten_steps(name):
    ours, theirs = PAIRS[name]
    model, tm = _pair()
    opt, topt = ours(model), theirs(tm.parameters())
    rng = np.random.default_rng(0)
    grads = model.alloc_grads()
    for _ in range(10):
        x, y = rng.standard_normal((16, 4)), rng.standard_normal((16, 2))
        grads = _step(model, opt, DEV.tensor(x), DEV.tensor(y), grads)
        topt.zero_grad()
        torch.nn.functional.mse_loss(tm(torch.tensor(x)), torch.tensor(y)).backward()
        topt.step()
    for n, t in zip(model.named_tensors(), tm.parameters(), strict=True):
        np.testing.assert_allclose(n.tensor.array(), t.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_update_checks_before_it_changes():
    model, other = (DEV.build_module((nn.Linear(2, 2), nn.Linear(2, 2))) for _ in range(2))
    opt, x = optim.Sgd(model), DEV.ones((1, 2))
    before = [n.tensor.array() for n in model.named_tensors()]
    grads = model[0](x.traced(model.alloc_grads())).sum().backward()
    with pytest.raises(dfdx.UnusedParamsError, match=r"1.weight, 1.bias(?s:.*)allow_unused"):
        opt.update(model, grads)
    with pytest.raises(dfdx.GradientError, match="another model instance"):
        opt.update(other, grads)
    with pytest.raises(dfdx.GradientError, match="takes the Gradients"):
        opt.update(model, x)
    for b, n in zip(before, model.named_tensors(), strict=True):
        np.testing.assert_array_equal(b, n.tensor.array())
    opt.update(model, grads, allow_unused=True)
    assert not np.array_equal(before[0], model[0].weight.array()) and np.array_equal(before[2], model[1].weight.array())


def test_schedules_groups_and_a_settable_rate():
    model = DEV.build_module((nn.Linear(2, 2), nn.Linear(2, 2)), dfdx.f64)
    opt, x = optim.Sgd(model, lr=lambda step: 0.1 / (step + 1), groups={"1": {"lr": 0.0}}), DEV.ones((1, 2), dfdx.f64)
    frozen, first = model[1].weight.array(), model[0].bias.array()
    for expected in (0.1, 0.05):
        grads = model(x.traced(model.alloc_grads())).sum().backward()
        opt.update(model, grads)
        np.testing.assert_allclose(first - model[0].bias.array(), expected * grads.get(model[0].bias).array())
        first = model[0].bias.array()
    np.testing.assert_array_equal(frozen, model[1].weight.array())
    opt.lr = 0.0
    opt.update(model, grads)
    np.testing.assert_array_equal(first, model[0].bias.array())
    with pytest.raises(KeyError, match="no trainable parameter under '7'"):
        optim.Sgd(model, groups={"7": {"lr": 0.0}})
    with pytest.raises(ValueError, match="lr"):
        optim.Adam(model, lr=-1.0)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_resuming_continues_bit_for_bit(tmp_path, suffix):
    def run(model, opt, first, last):
        grads = model.alloc_grads()
        for i in range(first, last):
            rng = np.random.default_rng(i)
            grads = _step(
                model,
                opt,
                DEV.tensor(rng.standard_normal((8, 4)).astype("f")),
                DEV.tensor(rng.standard_normal((8, 2)).astype("f")),
                grads,
            )

    spec = (nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    whole = DEV.build_module(spec)
    halves = whole.clone()
    run(whole, optim.Adam(whole), 0, 10)
    opt = optim.Adam(halves)
    run(halves, opt, 0, 5)
    halves.save(tmp_path / f"m{suffix}")
    opt.save(tmp_path / f"o{suffix}")
    again = DEV.build_module(spec)
    again.load(tmp_path / f"m{suffix}")
    resumed = optim.Adam(again)
    resumed.load(tmp_path / f"o{suffix}")
    run(again, resumed, 5, 10)
    for a, b in zip(whole.named_tensors(), again.named_tensors(), strict=True):
        np.testing.assert_array_equal(a.tensor.array(), b.tensor.array())
    with pytest.raises(dfdx.CheckpointError, match="does not fit"):
        optim.Sgd(again, momentum=optim.Classic(0.9)).load(tmp_path / f"o{suffix}")


def test_amp_keeps_state_in_f32():
    model = DEV.build_module(nn.Linear(4, 2), dfdx.amp_f16)
    opt = optim.Adam(model)
    x, y = DEV.ones((3, 4), dfdx.amp_f16), DEV.ones((3, 2), dfdx.amp_f16)
    _step(model, opt, x, y, model.alloc_grads())
    assert opt.state["weight"][0].dtype is dfdx.f32 and model.weight.dtype is dfdx.amp_f16
