"""What the CUDA backend does on the simulated machine; `test_simulated.py` runs this file with that machine on the path."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
from cupy.cuda import Graph, Stream, memory

import dfdx
from dfdx import losses, nn, optim
from dfdx.conformance import suite

globals().update({f"{name}_matmul": test for name, test in suite("cuda", "quick", "matmul").items()})


@pytest.fixture
def dev():
    return dfdx.device("cuda", seed=0)


def two_launches(x):
    """A map and a product, which no fusion makes one."""
    return (x * 1.0).relu() @ x


def trainer(dev, make_optimizer=optim.Adam):
    dev.seed(3)
    model = dev.build_module((nn.Linear(12, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 4)))
    opt, grads = make_optimizer(model), model.alloc_grads()

    def step(x, y):
        loss = losses.mse_loss(model(x.traced(grads)), y)
        opt.update(model, loss.backward())
        model.zero_grads(grads)
        return loss.detach()

    return model, step


def batches(dev, n):
    rng = np.random.default_rng(0)
    for _ in range(n):
        yield [dev.tensor(rng.standard_normal((8, w)).astype(np.float32)) for w in (12, 4)]


def weights(model):
    return [np.asarray(t.array()) for _, t, *_ in model.named_tensors()]


@pytest.mark.parametrize("make", [optim.Sgd, optim.Adam, optim.RMSprop])
def test_a_graph_computes_what_the_launches_computed(dev, make):
    model, step = trainer(dev, make)
    eager = [step(x, y).item() for x, y in batches(dev, 8)]
    twin, other = trainer(dev, make)
    captured, before = dfdx.capture(other), Graph.runs
    assert [captured(x, y).item() for x, y in batches(dev, 8)] == eager
    assert captured.replays == 7 and Graph.runs - before >= 6, (
        "the first replay shows where inputs lie, the others run graphs"
    )
    for a, b in zip(weights(model), weights(twin), strict=True):
        np.testing.assert_array_equal(a, b)


def test_results_outlive_the_next_replay(dev):
    f = dfdx.capture(two_launches)
    kept = [f(dev.full((2, 2), float(i))) for i in range(6)]
    assert [t.tolist() for t in kept] == [[[2.0 * i * i] * 2] * 2 for i in range(6)]


def test_loaded_parameters_are_seen(dev, tmp_path):
    model, step = trainer(dev)
    step = dfdx.capture(step)
    model.save(tmp_path / "start.npz")
    first = [step(x, y).item() for x, y in batches(dev, 5)]
    other, _ = trainer(dev)
    other.load(tmp_path / "start.npz")
    model.copy_from(other)
    assert len(first) == 5
    for a, b in zip(weights(model), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)
    before = weights(model)
    for x, y in batches(dev, 1):
        step(x, y)
    assert any((a != b).any() for a, b in zip(weights(model), before, strict=True)), "the update went elsewhere"


def test_a_graph_that_cannot_be_captured_is_done_without(dev, monkeypatch):
    def refuse(self, mode=None):
        raise RuntimeError("cudaErrorStreamCaptureUnsupported")

    monkeypatch.setattr(Stream, "begin_capture", refuse)
    f = dfdx.capture(two_launches)
    x = dev.ones((2, 2))
    assert f(x).tolist() == f(x).tolist() == [[2.0] * 2] * 2
    with pytest.warns(RuntimeWarning, match="no CUDA graph"):
        assert f(x).tolist() == [[2.0] * 2] * 2
    assert f(x).tolist() == [[2.0] * 2] * 2


def test_memory_returns_and_its_want_is_an_error(dev):
    start = dev.memory_stats()["in_use"]
    with pytest.raises(dfdx.OutOfMemoryError, match="Simulated GPU"):
        dev.zeros((memory.TOTAL,))
    t = dev.ones((1000,))
    assert dev.memory_stats()["in_use"] > start
    del t
    dev.empty_cache()
    assert dev.memory_stats()["cached"] == 0


def test_graphs_return_their_memory(dev):
    gc.collect()
    start = dev.memory_stats()["graphs"]
    f = dfdx.capture(two_launches)
    for i in range(4):
        f(dev.full((64, 64), float(i)))
    assert dev.memory_stats()["graphs"] > start
    del f
    gc.collect()
    assert dev.memory_stats()["graphs"] == start


def test_threads_and_devices(dev):
    found = {}

    def run(name):
        mine = dfdx.device(name, seed=5)
        _, step = trainer(mine)
        found[name] = [step(x, y).item() for x, y in batches(mine, 5)]

    workers = [threading.Thread(target=run, args=(f"cuda:{i}",)) for i in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert found["cuda:0"] == found["cuda:1"] and len(found["cuda:0"]) == 5
    with pytest.raises(dfdx.BackendUnavailable, match="there are 2"):
        dfdx.device("cuda:2")


@pytest.mark.parametrize("dtype", [dfdx.f16, dfdx.bf16, dfdx.f32, dfdx.f64])
def test_products_by_cublas(dev, dtype):
    a, b = dev.sample_normal((3, 5, 7)).to_dtype(dtype), dev.sample_normal((3, 7, 4)).to_dtype(dtype)
    wide = [t.to_dtype(dfdx.f64).array() for t in (a, b)]
    found = (a @ b).to_dtype(dfdx.f64).array()
    eps = {dfdx.f16: 2.0**-10, dfdx.bf16: 2.0**-7, dfdx.f32: 2.0**-22, dfdx.f64: 2.0**-51}[dtype]
    np.testing.assert_allclose(found, wide[0] @ wide[1], atol=8 * eps)


def test_tf32_is_asked_for(dev, monkeypatch):
    from cupy_backends.cuda.libs import cublas

    asked = []
    real = cublas.gemmStridedBatchedEx
    monkeypatch.setattr(cublas, "gemmStridedBatchedEx", lambda *a: (asked.append(a[-2]), real(*a)))
    a = dev.ones((4, 4))
    for allow in (False, True):
        dev.runtime.allow_tf32 = allow
        (a @ a).array()
    dev.runtime.allow_tf32 = False
    assert asked == [68, 77]
