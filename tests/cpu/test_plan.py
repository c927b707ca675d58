"""A captured step as plans of machine code: the bits of the launches one by one, whatever arrays come."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import pytest

import dfdx
from dfdx import losses, nn, optim
from dfdx.backends.cpu.native.layout import usable

pytestmark = pytest.mark.skipif(not usable(), reason="no machine code here")
DEV = dfdx.device("cpu")


def normal(*shape, seed=0):
    return DEV.tensor(np.random.default_rng(seed).standard_normal(shape, np.float32))


def plans(call):
    """The text of a captured step's replays, and that of the functions that call plans and kernels in turn."""
    texts = [call.source]
    for found in call._found.values():
        for replay in found:
            env = replay.run.__globals__
            texts += [env[name].source for name in env if hasattr(env[name], "source") and name[0] == "o"]
    return "\n".join(texts)


STEPS = {
    "views that kernels read": lambda x: (x.permute((1, 0)) * 2.0 + x.sum(0).broadcast_to((6, 6), (1,))).exp(),
    "views that are copied": lambda x: (x.permute((1, 0)) * x.permute((1, 0)).exp()).softmax(-1),
    "views of views with gaps": lambda x: (
        (x.exp().permute((1, 0))[1:5].permute((1, 0)) * 2.0).tanh()
        + x.exp().permute((1, 0))[1:5, 0].broadcast_to((6, 4), (0,)).exp()
    ),
    "attention": lambda x: (lambda h: (h @ h.permute((0, 2, 1))).softmax(-1) @ h)(
        (x.exp() @ DEV.ones((6, 24))).reshape((6, 4, 6)).permute((1, 0, 2))
    ),
    "heads of attention": lambda x: (
        ((x.exp() @ DEV.ones((6, 160))).reshape((2, 3, 10, 16)).permute((0, 2, 1, 3)) * 2.0)
        .permute((0, 2, 1, 3))
        .reshape((6, 160))
        .exp()
    ),
    "views that a reshape copies": lambda x: x.exp().reshape((2, 3, 6)).permute((1, 0, 2)).reshape((3, 12)).tanh(),
    "pooling": lambda x: (x * 2.0).reshape((1, 1, 6, 6)).pool2d("max", 2).exp() + 1.0,
    "slices": lambda x: (x[1:5] * x[0:4]).sum(-1) + x[1:5, 0].exp(),
    "a view outlives the step": lambda x: (x.exp() + 1.0).permute((1, 0)),
    "a view of a view outlives it": lambda x: x.exp().reshape((2, 18)).permute((1, 0))[3:],
    "nothing but views and one kernel": lambda x: x.permute((1, 0)).exp().permute((1, 0)),
    "products small and large": lambda x: (x.exp() @ x.tanh()).relu() @ DEV.ones((6, 600)) * 2.0 + 1.0,
    "reductions of several kernels": lambda x: x.reshape((2, 3, 6)).exp().sum((0, 2)).exp(),
    "rows": lambda x: x.softmax(-1).log_softmax(0) + x.logsumexp(-1).broadcast_to((6, 6), (1,)),
    "integers": lambda x: (x > 0.0).to_dtype(dfdx.i64) + x.argmax(-1).broadcast_to((6, 6), (1,)),
    "f64": lambda x: x.to_dtype(dfdx.f64).exp().sum(0).sqrt(),
    "bf16": lambda x: (x.to_dtype(dfdx.bf16) * 2.0).exp().to_dtype(dfdx.f32) + 1.0,
    "several results": lambda x: (x.exp(), [x.exp().sin(), x.exp() * 2.0], {"sum": x.exp().sum()}),
    "one result twice": lambda x: (lambda y: (y, y))(x.exp().sin()),
    "draws": lambda x: (x.dropout(0.5) * 2.0, x.device.sample_normal((3, 3)).exp()),
}


def arrays(value):
    if isinstance(value, dfdx.Tensor):
        return [value.array()]
    values = value.values() if isinstance(value, dict) else value
    return [a for v in values for a in arrays(v)]


@pytest.mark.parametrize("name", STEPS)
def test_bits_of_steps(name):
    step, found = STEPS[name], []
    for call in (step, dfdx.capture(step)):
        DEV.seed(3)
        found.append([arrays(call(normal(6, 6, seed=s))) for s in range(4)])
    assert call.replays == 3
    for eager, captured in zip(*found, strict=True):
        for a, b in zip(eager, captured, strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_array_equal(a, b)


def training_step(net, opt, loss_of):
    grads = net.alloc_grads()

    def step(x, y):
        loss = loss_of(net(x.traced(grads)), y)
        opt.update(net, loss.backward())
        net.zero_grads(grads)
        return loss

    return step


def net_and_step(optimizer=optim.Adam, width=32, features=10):
    dev = dfdx.device("cpu", seed=4)
    net = dev.build_module((nn.Linear(features, width), nn.ReLU(), nn.Linear(width, features), nn.Tanh()))
    return net, training_step(net, optimizer(net), losses.mse_loss)


def test_a_plan_that_reads_views_takes_the_fast_way():
    """Views are made inside the plan, from whole arrays: no replay goes launch by launch."""
    from dfdx.backends.cpu.native import joined

    slow, by_python = [], joined.Joined.by_python

    def watched(self, arrays, results):
        run = by_python(self, arrays, results)
        return lambda *args: (slow.append(self.launches), run(*args))[1]

    with pytest.MonkeyPatch.context() as m:
        m.setattr(joined.Joined, "by_python", watched)
        for name in (
            "views of views with gaps",
            "attention",
            "slices",
            "heads of attention",
            "views that a reshape copies",
        ):
            call = dfdx.capture(STEPS[name])
            for s in range(3):
                call(normal(6, 6, seed=s))
            assert call.replays == 2 and "plan" in str([*plan_builtins(call)]), name
    assert not slow


def plan_builtins(call):
    for found in call._found.values():
        for replay in found:
            for value in replay.run.__globals__.values():
                yield getattr(value, "__name__", "")
                yield from [getattr(v, "__name__", "") for v in getattr(value, "__globals__", {}).values()]


def test_a_training_step_is_one_plan():
    _, step = net_and_step()
    call = dfdx.capture(step)
    for s in range(2):
        call(normal(64, 10), normal(64, 10, seed=s))
    assert call.source.count("((v0, ") == 1 and "k0" not in plans(call)


def classifier():
    dev = dfdx.device("cpu", seed=4)
    net = dev.build_module(nn.Linear(10, 7))
    return net, training_step(net, optim.Sgd(net, lr=0.1), losses.cross_entropy_with_indices_loss)


def test_classes_are_checked_before_the_one_plan_of_the_step():
    net, step = classifier()
    call, x = dfdx.capture(step), normal(6, 10)
    for labels in ([0, 1, 2, 3, 4, 5], [6, 6, 0, 0, 1, 2]):
        call(x, DEV.tensor(labels))
    assert call.replays == 1 and plans(call).count("numbers)\n") == 1
    before = net.weight.array()
    for labels in ([0, 1, 2, 3, 4, 7], [0, -1, 2, 3, 4, 5]):
        with pytest.raises(IndexError, match="gather.*out of range for an axis of 7"):
            call(x, DEV.tensor(labels))
    np.testing.assert_array_equal(net.weight.array(), before)


WIDE = DEV.ones((200, 90)) * 0.1
FOLLOWED = {
    "an activation": (lambda x: (x @ WIDE).tanh() @ DEV.ones((90, 40)), 1),
    "with a result that lives on": (lambda x: (lambda y: (y, y.tanh()))(x @ WIDE), 1),
    "of two products": (lambda x: (x @ WIDE) * (x.exp() @ WIDE), 1),
    "with what was made before": (lambda x: (lambda e: (x @ WIDE) * e + e)(x.exp() @ WIDE), 1),
    "of many rows and columns": (lambda x: (x @ DEV.ones((200, 700))).tanh() * 2.0, 1),
    "of a batch": (lambda x: (x.reshape((5, 50, 200)) @ (DEV.ones((5, 200, 90)) * 0.1)).exp(), 1),
    "not of a view": (lambda x: (x @ WIDE).permute((1, 0)).tanh(), 0),
    "not of itself turned": (lambda x: (lambda y: y.exp() + y.permute((1, 0)))(x @ DEV.ones((200, 250))), 0),
    "not by rows": (lambda x: (x @ WIDE).softmax(-1), 0),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_elementwise_launches_follow_the_blocks_of_a_product(name, monkeypatch):
    from dfdx.backends.cpu.native import joined

    runs, kernel = [], joined.Joined.kernel
    monkeypatch.setattr(joined.Joined, "kernel", lambda self, *a: (runs.extend(self.runs), kernel(self, *a))[1])
    step, posts = FOLLOWED[name]
    call = dfdx.capture(step)
    for s in range(3):
        x = normal(250, 200, seed=s)
        for a, b in zip(arrays(call(x)), arrays(step(x)), strict=True):
            np.testing.assert_array_equal(a, b)
    assert call.replays == 2 and sum(r.post is not None for r in runs) == posts


def test_an_update_follows_the_blocks_of_its_gradient(monkeypatch):
    from dfdx.backends.cpu.native import joined

    runs, kernel, found = [], joined.Joined.kernel, []
    monkeypatch.setattr(joined.Joined, "kernel", lambda self, *a: (runs.extend(self.runs), kernel(self, *a))[1])
    for captured in (False, True):
        net, step = net_and_step(lambda net: optim.Sgd(net, lr=0.1), width=100, features=70)
        call = dfdx.capture(step) if captured else step
        for s in range(4):
            call(normal(200, 70, seed=s), normal(200, 70, seed=s + 9))
        found.append([t.tensor.array() for t in net.named_tensors()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert call.replays == 3 and [r.post.native.code.inplace[0] for r in runs if r.post is not None].count(0) >= 1


def test_results_take_the_place_of_what_dies_with_their_launch(monkeypatch):
    from dfdx.backends.cpu.native import joined

    nbytes, share = [], joined.Joined._share
    monkeypatch.setattr(joined.Joined, "_share", lambda *a: (nbytes.append(share(*a)), nbytes[-1])[1])
    ones = DEV.ones((64, 64)) * 0.01
    steps = {
        "softmax of a product": (lambda x: (x @ ones).softmax(-1) @ ones, 1),
        "a product and itself": (lambda x: (lambda y: y.exp() + y.permute((1, 0)).tanh())(x @ ones) @ ones, 3),
        "read again": (lambda x: (lambda y: y.softmax(-1) @ y)(x @ ones), 2),
    }
    for name, (step, most) in steps.items():
        call = dfdx.capture(step)
        for s in range(2):
            x = normal(64, 64, seed=s)
            np.testing.assert_array_equal(call(x).array(), step(x).array(), name)
        assert call.replays == 1 and nbytes[-1] <= most * 64 * 64 * 4 + 32768 + 2048, name  # and what products pack


@pytest.mark.parametrize("width", [32, 1024], ids=["small products", "large products"])
def test_cells_replaced_between_calls(width, tmp_path):
    found = []
    for captured in (False, True):
        net, step = net_and_step(width=width)
        call = dfdx.capture(step) if captured else step
        x, out = normal(64, 10), []
        for k in range(8):
            if k == 2:
                net.save(tmp_path / f"{captured}.npz")
            if k == 4:
                net.load(tmp_path / f"{captured}.npz")
            if k == 6:
                dfdx.device("cpu").seed(1)
                net.reset_params()
            out.append(call(normal(64, 10, seed=k), x).item())
        found.append((out, [n.tensor.array() for n in net.named_tensors()]))
    assert call.replays == 7 and found[0][0] == found[1][0]
    for a, b in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_arrays_that_the_plan_does_not_take_go_one_by_one():
    """A cell may hold an array of any strides: what NumPy lent, say."""
    call = dfdx.capture(lambda x: (x * 2.0).exp().softmax(-1) + 1.0)
    call(normal(4, 6))
    turned = np.asfortranarray(np.random.default_rng(1).standard_normal((4, 6), np.float32))
    x = DEV.zeros((4, 6))
    x._cell.array = turned
    np.testing.assert_array_equal(call(x).array(), call(DEV.tensor(turned)).array())
    assert call.replays == 2


def test_many_threads_replay_one_step():
    call = dfdx.capture(lambda x: (x.exp() * 2.0).softmax(-1).sum(0).log())
    xs = [normal(300, 400, seed=s) for s in range(4)]
    wanted = [call(x).array() for x in xs]
    wrong = []

    def work(i):
        for _ in range(40):
            if not np.array_equal(call(xs[i]).array(), wanted[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_plan_takes_only_two_tuples():
    call = dfdx.capture(lambda x: (x.exp() * 2.0).sum(-1) * 3.0)
    call(normal(4, 4))
    env = next(iter(call._found.values()))[0].run.__globals__
    plan = next(v for k, v in env.items() if getattr(v, "__name__", "") == "plan")
    a = normal(4, 4)._cell.array
    (want,) = plan((a,), ())
    for args in ((), (a,), ((a,),), ((a, a), ()), ((), ()), ((a,), (), ()), (3, 4)):
        with pytest.raises((TypeError, ValueError)):
            plan(*args)
    for arrays in ((np.asfortranarray(a),), [a], (a[::-1][::-1],)):
        np.testing.assert_array_equal(plan(arrays, (1.0, 2))[0], want)


def test_no_memory_grows_over_100_000_steps():
    call = dfdx.capture(lambda x: (x.exp() * 2.0).sum(-1).sin())
    x = normal(4, 4)
    for _ in range(1000):
        call(x)
    pool = DEV.memory_stats()["in_use"]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(100_000):
        call(x)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert DEV.memory_stats()["in_use"] == pool and after - before < 4096 and call.replays == 100_999
