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
    "adagrad": (lambda m: optim.Adagrad(m, 0.1), lambda p: torch.optim.Adagrad(p, 0.1)),
    "adagrad_all": (
        lambda m: optim.Adagrad(m, 0.1, 0.2, 0.3, 1e-3, optim.L2(0.1)),
        lambda p: torch.optim.Adagrad(p, 0.1, 0.2, 0.1, 0.3, 1e-3),
    ),
    "rmsprop": (lambda m: optim.RMSprop(m, 0.01, eps=0.0), lambda p: torch.optim.RMSprop(p, 0.01, 0.9, 0.0)),
    "rmsprop_all": (
        lambda m: optim.RMSprop(m, 0.01, 0.8, 0.0, 0.7, True, optim.L2(0.1)),
        lambda p: torch.optim.RMSprop(p, 0.01, 0.8, 0.0, 0.1, 0.7, True),
    ),
    "schedule": (lambda m: optim.Sgd(m, lambda t: 0.1 / (t + 1), groups={"2": {"lr": 0.05}}), lambda p: _Falling(p)),
    "adamw": (lambda m: optim.AdamW(m, 0.01, weight_decay=0.1), lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)),
}


class _Falling:
    """SGD whose rate falls as 0.1 / t for the first layer and is 0.05 for the other."""

    def __init__(self, params):
        first, other = [*params][:2], [*params][2:]
        self.opt = torch.optim.SGD([{"params": first, "lr": 0.1}, {"params": other, "lr": 0.05}])
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.opt, [lambda t: 1.0 / (t + 1), lambda t: 1.0])

    def zero_grad(self):
        self.opt.zero_grad()

    def step(self):
        self.opt.step()
        self.schedule.step()


def _started(topt):
    """RMSprop's mean square starts at 1 here, at 0 in PyTorch: start theirs as ours."""
    if isinstance(topt, torch.optim.RMSprop):
        for group in topt.param_groups:
            for p in group["params"]:
                zeros = {k: torch.zeros_like(p) for k in ("momentum_buffer", "grad_avg")}
                topt.state[p] = {"step": torch.tensor(0.0), "square_avg": torch.ones_like(p), **zeros}
    return topt


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
    opt, topt = ours(model), _started(theirs(list(tm.parameters())))
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


RESUMED = {
    "adam": optim.Adam,
    "sgd": lambda m: optim.Sgd(m, optim.WarmUp(3, optim.Cosine(0.1, 7))),
    "momentum": lambda m: optim.Sgd(m, momentum=optim.Nesterov(0.9)),
    "lamb": optim.Lamb,
    "lion": optim.Lion,
    "adagrad": optim.Adagrad,
    "rmsprop": lambda m: optim.RMSprop(m, momentum=0.5, centered=True),
}


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("name", RESUMED)
def test_resuming_continues_bit_for_bit(tmp_path, suffix, name):
    make, spec = RESUMED[name], (nn.Linear(4, 8), nn.BatchNorm1D(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))

    def run(model, opt, first, last):
        grads, dev = model.alloc_grads(), model._device
        for i in range(first, last):
            rng = np.random.default_rng(i)
            x, y = (dev.tensor(rng.standard_normal((8, n)).astype("f")) for n in (4, 2))
            grads = _step(model, opt, x, y, grads)

    whole, half, other = (dfdx.device("cpu", seed=s).build_module(spec) for s in (3, 3, 5))
    run(whole, make(whole), 0, 10)
    opt = make(half)
    run(half, opt, 0, 5)
    half.save(tmp_path / f"m{suffix}")
    opt.save(tmp_path / f"o{suffix}")
    other.load(tmp_path / f"m{suffix}")
    resumed = make(other)
    resumed.load(tmp_path / f"o{suffix}")
    run(other, resumed, 5, 10)
    for a, b in zip(whole.named_tensors(), other.named_tensors(), strict=True):
        np.testing.assert_array_equal(a.tensor.array(), b.tensor.array())


def test_a_state_that_does_not_fit_changes_nothing(tmp_path):
    model = DEV.build_module((nn.Linear(2, 3), nn.Linear(3, 1)))
    opt = optim.Adam(model)
    opt.update(model, model(DEV.ones((3, 2)).traced(model.alloc_grads())).sum().backward())
    opt.save(tmp_path / "o.npz")
    with np.load(tmp_path / "o.npz") as z:
        arrays = dict(z)
    other = DEV.build_module((nn.Linear(2, 4), nn.Linear(4, 1)))
    for make, path in (
        (optim.RMSprop, "o.npz"),
        (optim.Adam, "none.npz"),
        (lambda m: optim.Sgd(m, momentum=optim.Classic(0.9)), "o.npz"),
    ):
        fresh, before = make(other), DEV.random_state
        with pytest.raises(dfdx.CheckpointError):
            fresh.load(tmp_path / path)
        assert not fresh.state and fresh.step_count == 0 and DEV.random_state == before
    del arrays["1.bias/m"], arrays["step_count"]
    np.savez(tmp_path / "bad.npz", **{**arrays, "2.bias/v": np.zeros(1), "0.bias/steps": np.array([1.0])})
    with pytest.raises(dfdx.CheckpointError) as caught:
        optim.Adam(model).load(tmp_path / "bad.npz")
    for fact in (
        "missing: step_count",
        "missing: 1.bias/m",
        "extra: 2.bias/v",
        "shape of 0.bias/steps",
        "dtype of 0.bias/steps",
    ):
        assert fact in str(caught.value)


def test_amp_keeps_state_in_f32():
    model = DEV.build_module(nn.Linear(4, 2), dfdx.amp_f16)
    opt = optim.Adam(model)
    x, y = DEV.ones((3, 4), dfdx.amp_f16), DEV.ones((3, 2), dfdx.amp_f16)
    _step(model, opt, x, y, model.alloc_grads())
    assert opt.state["weight"]["m"].dtype is dfdx.f32 and model.weight.dtype is dfdx.amp_f16


# ----- those that PyTorch lacks, beside plain NumPy


def _numpy_lion(p, g, s, t, lr=0.01, b1=0.9, b2=0.99, decay=0.1):
    m = s.setdefault("m", np.zeros_like(p))
    step = lr * np.sign(b1 * m + (1 - b1) * g) + lr * decay * p
    s["m"] = b2 * m + (1 - b2) * g
    return p - step


def _numpy_lamb(p, g, s, t, lr=0.01, b1=0.9, b2=0.999, eps=1e-6, decay=0.1):
    s["m"] = b1 * s.get("m", 0.0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0.0) + (1 - b2) * g**2
    u = s["m"] / (1 - b1**t) / (np.sqrt(s["v"] / (1 - b2**t)) + eps) + decay * p
    return p - lr * np.linalg.norm(p) / np.linalg.norm(u) * u


def _numpy_rmsprop(p, g, s, t, lr=0.01, alpha=0.9, eps=0.5):
    s["a"] = alpha * s.get("a", np.ones_like(p)) + (1 - alpha) * g**2
    return p - lr * g / np.sqrt(s["a"] + eps)


NUMPY = {
    "lion": (lambda m: optim.Lion(m, 0.01, weight_decay=0.1), _numpy_lion),
    "lamb": (lambda m: optim.Lamb(m, 0.01, weight_decay=0.1), _numpy_lamb),
    "rmsprop_eps": (lambda m: optim.RMSprop(m, 0.01, eps=0.5), _numpy_rmsprop),
}


@pytest.mark.parametrize("name", NUMPY)
@pytest.mark.parametrize(("dtype", "rtol"), [(dfdx.f64, 1e-9), (dfdx.f32, 1e-4)])
def test_ten_steps_beside_numpy(name, dtype, rtol):
    make, reference = NUMPY[name]
    model = DEV.build_module((nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), dtype)
    opt, grads, rng = make(model), model.alloc_grads(), np.random.default_rng(1)
    wanted = {n.path: n.tensor.array().astype(np.float64) for n in model.named_tensors()}
    state = {k: {} for k in wanted}
    for t in range(1, 11):
        x, y = (DEV.tensor(rng.standard_normal((16, n)), dtype) for n in (4, 2))
        grads = losses.mse_loss(model(x.traced(grads)), y).backward()
        for n in model.named_tensors():
            g = grads.get(n.tensor).array().astype(np.float64)
            wanted[n.path] = reference(wanted[n.path], g, state[n.path], t)
        opt.update(model, grads)
        model.zero_grads(grads)
    for n in model.named_tensors():
        np.testing.assert_allclose(n.tensor.array(), wanted[n.path], rtol=rtol, atol=rtol / 100)


def test_lamb_takes_a_plain_step_where_a_norm_is_zero():
    model = DEV.build_module(nn.Bias1D(3), dfdx.f64)
    opt = optim.Lamb(model, 0.5)
    opt.update(model, model(DEV.ones((3,), dfdx.f64).traced(model.alloc_grads())).sum().backward())
    np.testing.assert_allclose(model.bias.array(), [-0.5] * 3, rtol=1e-5)


# ----- schedules

SCHEDULES = {
    "step": (optim.StepDecay(0.5, 3, 0.3), lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.3)),
    "cosine": (optim.Cosine(0.5, 8, 0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 8, 0.1)),
    "warm_up": (optim.WarmUp(5, 0.5), lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.2, 1.0, 4)),
    "one_cycle": (
        optim.OneCycle(0.5, 9, 0.4, 20.0, 100.0),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(
            o, 0.5, 9, None, None, 0.4, "cos", False, 0.85, 0.95, 20.0, 100.0
        ),
    ),
    "constant": (optim.Constant(0.5), lambda o: torch.optim.lr_scheduler.ConstantLR(o, 1.0)),
}


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_pytorchs(name):
    ours, make = SCHEDULES[name]
    opt = torch.optim.SGD([torch.zeros(1)], 0.5)
    theirs = make(opt)
    for step in range(9):
        assert ours(step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-12)
        if step < 8:
            opt.step()
            theirs.step()


def test_schedules_end_where_they_end_and_refuse_nonsense():
    assert optim.Cosine(1.0, 4, 0.25)(100) == 0.25
    assert optim.WarmUp(2, optim.Cosine(1.0, 4))(2 + 4) == 0.0
    assert optim.OneCycle(1.0, 10)(50) == pytest.approx(1 / 25 / 1e4)
    for bad in (lambda: optim.Cosine(1.0, 0), lambda: optim.StepDecay(1.0, 0), lambda: optim.OneCycle(1.0, 5, up=2.0)):
        with pytest.raises(ValueError, match=r"at least 1|from 0 to 1"):
            bad()


def test_a_schedule_that_raises_leaves_everything_as_it_was():
    model = DEV.build_module((nn.Linear(2, 2), nn.Linear(2, 1)))
    opt = optim.Adam(model, groups={"1": {"lr": lambda t: 1 / t}})
    grads = model(DEV.ones((3, 2)).traced(model.alloc_grads())).sum().backward()
    before = [n.tensor.array() for n in model.named_tensors()]
    with pytest.raises(ZeroDivisionError):
        opt.update(model, grads)
    assert opt.step_count == 0 and not opt.state
    for b, n in zip(before, model.named_tensors(), strict=True):
        np.testing.assert_array_equal(b, n.tensor.array())


# ----- parameters that come late, groups, decay


@pytest.mark.parametrize(
    "make", [optim.RMSprop, optim.Adam, optim.Lamb, optim.Adagrad, lambda m: optim.Sgd(m, momentum=optim.Classic(0.9))]
)
def test_a_parameter_that_comes_late_starts_as_if_it_were_the_first(make):
    late, fresh = (DEV.build_module((nn.Bias1D(3), nn.Bias1D(3)), dfdx.f64) for _ in range(2))
    opt, x = make(late), DEV.tensor(np.array([1.0, 2.0, 3.0]))
    for _ in range(5):
        grads = late[0](x.traced(late.alloc_grads())).square().sum().backward()
        opt.update(late, grads, allow_unused=True)
    assert "1.bias" not in opt.state and late[1].bias.tolist() == [0.0] * 3
    for model, o in ((late, opt), (fresh, make(fresh))):
        grads = model[1](x.traced(model.alloc_grads())).square().sum().backward()
        o.update(model, grads, allow_unused=True)
    np.testing.assert_array_equal(late[1].bias.array(), fresh[1].bias.array())


def test_groups_have_their_own_state_decay_and_schedule():
    model = DEV.build_module((nn.Linear(2, 2), (nn.Linear(2, 2), nn.Linear(2, 1))))
    opt = optim.Sgd(
        model,
        0.1,
        groups={"1": {"momentum": optim.Classic(0.5)}, "1.1": {"momentum": None, "weight_decay": optim.L2(0.1)}},
    )
    opt.update(model, model(DEV.ones((3, 2)).traced(model.alloc_grads())).sum().backward())
    assert {k: list(v) for k, v in opt.state.items() if v} == {"1.0.weight": ["velocity"], "1.0.bias": ["velocity"]}
    decayed = optim.AdamW(model, groups={"0": {"weight_decay": 0.5}, "1": {"weight_decay": None}})
    assert decayed.options["weight_decay"] == optim.Decoupled(0.01)
    for bad in (
        lambda: optim.Sgd(model, weight_decay=0.1),
        lambda: optim.Sgd(model, groups={"0": {"weight_decay": 0.1}}),
    ):
        with pytest.raises(TypeError, match="L2"):
            bad()
    with pytest.raises(KeyError, match="no option 'beta'"):
        optim.Sgd(model, groups={"0": {"beta": 0.1}})


def test_what_is_frozen_later_is_left_alone():
    model = DEV.build_module((nn.Linear(2, 3), nn.Linear(3, 1)))
    opt, grads, x = optim.Adam(model, weight_decay=optim.L2(0.1)), model.alloc_grads(), DEV.ones((4, 2))
    for _ in range(2):
        opt.update(model, grads := model(x.traced(grads)).sum().backward())
    model.freeze("0")
    before = [n.tensor.array() for n in model.named_tensors()]
    opt.update(model, model(x.traced(grads)).sum().backward())  # these gradients still hold the frozen ones
    opt.update(model, model(x.traced(model.alloc_grads())).sum().backward())
    same = [np.array_equal(b, n.tensor.array()) for b, n in zip(before, model.named_tensors(), strict=True)]
    assert same == [True, True, False, False]


@pytest.mark.parametrize(
    "bad",
    [
        lambda m: optim.Adam(m, betas=(0.9, 1.0)),
        lambda m: optim.Adam(m, eps=-1.0),
        lambda m: optim.RMSprop(m, alpha=1.0),
        lambda m: optim.Adagrad(m, initial=-1.0),
        lambda m: optim.Lion(m, groups={"weight": {"lr": -1.0}}),
        lambda m: setattr(optim.Sgd(m), "lr", -1.0),
    ],
)
def test_options_out_of_range(bad):
    with pytest.raises(ValueError, match=r"negative|lie"):
        bad(DEV.build_module(nn.Linear(2, 2)))


# ----- loss scaling


def test_loss_scaling_keeps_what_f16_loses_and_leaves_bad_steps_out():
    model = DEV.build_module(nn.Bias1D(2), dfdx.f16)
    x = DEV.zeros((2,), dfdx.f16)
    scaler, opt = optim.LossScaler(interval=2), optim.Sgd(model, 1.0)

    def loss(factor):
        return (model(x.traced(model.alloc_grads())) * factor).sum() * 1e-4

    small = loss(1e-4)
    grads = scaler.scale(small).backward()  # 1e-8 is 0 in f16
    assert scaler.update(opt, model, grads) and model.bias.array()[0] == 0.0  # p - 1e-8 is p
    np.testing.assert_allclose(grads.get(model.bias).array(), 1e-8 * 2**15, rtol=0.05)
    before = model.bias.array()
    grads = scaler.scale(loss(3e4)).backward()
    assert not grads.all_finite() and not scaler.update(opt, model, grads)
    np.testing.assert_array_equal(before, model.bias.array())
    assert scaler.factor == 2**14 and scaler.good_steps == 0
    for _ in range(4):
        assert scaler.update(opt, model, scaler.scale(loss(1.0)).backward())
    assert scaler.factor == scaler.largest
    np.testing.assert_allclose(model.bias.array(), -4e-4, rtol=0.01)


def test_unscaling_first_is_the_same_step():
    one, two = (DEV.build_module(nn.Linear(3, 2)) for _ in range(2))
    two.copy_from(one)
    for model, early in ((one, False), (two, True)):
        scaler, x = optim.LossScaler(64.0), DEV.ones((4, 3))
        grads = scaler.scale(model(x.traced(model.alloc_grads())).square().mean()).backward()
        if early:
            assert scaler.unscale_(scaler.unscale_(grads)) is grads
        assert scaler.update(optim.Sgd(model), model, grads)
    np.testing.assert_array_equal(one.weight.array(), two.weight.array())
    with pytest.raises(ValueError, match="LossScaler"):
        optim.LossScaler(2.0**16)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_scaler_resumes_with_its_optimizer(tmp_path, suffix):
    model, path = DEV.build_module(nn.Bias1D(2)), tmp_path / f"o{suffix}"
    opt, scaler = optim.Adam(model), optim.LossScaler(64.0, interval=3)
    for _ in range(4):
        loss = model(DEV.ones((2,)).traced(model.alloc_grads())).sum()
        scaler.update(opt, model, scaler.scale(loss).backward())
    opt.save(path, scaler)
    other, fresh = optim.Adam(model), optim.LossScaler(interval=3)
    with pytest.raises(dfdx.CheckpointError, match="extra: good_steps"):
        other.load(path)
    other.load(path, fresh)
    assert (fresh.factor, fresh.good_steps) == (scaler.factor, scaler.good_steps) == (128.0, 4)
    opt.save(path)
    with pytest.raises(dfdx.CheckpointError, match="missing: loss_scale"):
        other.load(path, fresh)


@pytest.mark.parametrize("dtype", [dfdx.amp_f16, dfdx.amp_bf16])
@pytest.mark.parametrize("make", [optim.Sgd, optim.AdamW, optim.RMSprop, optim.Adagrad, optim.Lion, optim.Lamb])
def test_amp_steps_are_f32_steps_rounded_once(dtype, make):
    narrow = DEV.build_module(nn.Linear(4, 2), dtype)
    wide = narrow.to_dtype(dfdx.f32)
    opts = make(narrow), make(wide)
    rng = np.random.default_rng(0)
    x = DEV.tensor(rng.standard_normal((3, 4)), dtype)
    grads = narrow(x.traced(narrow.alloc_grads())).square().mean().backward()
    same = wide.alloc_grads()
    for n, w in zip(narrow.named_tensors(), wide.named_tensors(), strict=True):
        same._store[w.tensor.id] = grads.get(n.tensor).to_dtype(dfdx.f32)
    opts[0].update(narrow, grads)
    opts[1].update(wide, same)
    for n, w in zip(narrow.named_tensors(), wide.named_tensors(), strict=True):
        np.testing.assert_array_equal(n.tensor.array(), w.tensor.to_dtype(dtype).array())
        for a, b in zip(opts[0].state[n.path].values(), opts[1].state[n.path].values(), strict=True):
            assert a.dtype is dfdx.f32
            np.testing.assert_allclose(a.array(), b.array(), rtol=1e-6)


def test_gradients_that_were_looked_at_compile_nothing_anew(monkeypatch):
    from dfdx.optim import optimizer

    made, updates = [], optimizer.updates
    monkeypatch.setattr(optimizer, "updates", lambda *args: (made.append(args), updates(*args))[1])
    model = DEV.build_module(nn.Linear(3, 2), dfdx.f32)
    opt, x = optim.Adam(model), DEV.ones((4, 3))
    for _ in range(4):
        grads = model(x.traced(model.alloc_grads())).sum().backward()
        assert grads.get(model.weight).array().shape == (2, 3)
        opt.update(model, grads)
    assert len(made) == 1
