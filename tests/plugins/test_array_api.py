"""The generic kernel set over NumPy, array-api-strict and PyTorch, against the CPU backend and NumPy in f64."""

from __future__ import annotations

from types import SimpleNamespace

import array_api_compat.numpy
import numpy as np
import pytest

import dfdx
from dfdx.backends.array_api import Namespace, register_kernels
from dfdx.core.contract import DTYPES, DeviceInfo, KernelTable, bf16, quiet
from dfdx.core.device import Backend, Device
from dfdx.core.philox import philox_words


def numpy_space(dtypes=None, **options):
    return Namespace(array_api_compat.numpy, dtypes={"bf16": bf16.numpy, **(dtypes or {})}, guard=quiet, **options)


def strict_space():
    return Namespace(pytest.importorskip("array_api_strict"), guard=quiet)


def torch_space():
    pytest.importorskip("torch")
    import array_api_compat.torch

    return Namespace(array_api_compat.torch, dtypes={"u64": None}, work={"u16": "i64", "u32": "i64"})


def signed_space():
    """NumPy whose small integers compute in i64, as if it had no arithmetic on them; and without u64."""
    work = dict.fromkeys(["i8", "i16", "u8", "u16", "u32"], "i64")
    return numpy_space(dtypes={"u64": None}, work=work)


SPACES = {"numpy": numpy_space, "strict": strict_space, "torch": torch_space, "signed": signed_space}


def opened(name, space):
    table = KernelTable()
    register_kernels(table, space)
    assert table.missing() == []
    return Device(
        Backend(
            name,
            SimpleNamespace(
                runtime=SimpleNamespace(fork_safe=True),
                kernels=table,
                capabilities=space.capabilities(),
                info=DeviceInfo(),
                record=None,
            ),
        )
    )


@pytest.fixture(params=SPACES, scope="module")
def dev(request):
    return opened(request.param, SPACES[request.param]())


CPU = dfdx.device("cpu")
RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 4, 5)).astype(np.float32)

# one line per behaviour: a function of the tensor, run on both devices
FLOAT = {
    "exp": lambda t: t.exp(),
    "erf": lambda t: t.erf(),
    "gelu": lambda t: t.gelu(),
    "clamp": lambda t: t.clamp(-0.5, 0.5),
    "powf": lambda t: t.abs().powf(1.5),
    "round": lambda t: (t * 3.0).round(),
    "compare": lambda t: t > t.abs() * 0.5,
    "where": lambda t: dfdx.where(t > t.abs() * 0.5, t, -t),
    "scalar": lambda t: 1.0 - t / 3.0,
    "rank0": lambda t: t.sum().exp(),
    "sum": lambda t: t.sum(),
    "sum_axes": lambda t: t.sum((0, 2)),
    "prod": lambda t: t.prod(1),
    "max": lambda t: t.max(1),
    "min_axes": lambda t: t.min((0, 1)),
    "mean": lambda t: t.mean(0),
    "permute": lambda t: t.permute((2, 0, 1)),
    "slice": lambda t: t[1:3, ::2],
    "slice_step": lambda t: t[:, 1:4:3, 4],
    "broadcast": lambda t: t.broadcast_to((2, 3, 4, 5)),
    "broadcast_axes": lambda t: t.broadcast_to((3, 7, 4, 5, 2), (1, 4)),
    "reshape": lambda t: t.permute((2, 0, 1)).reshape((10, 6)),
    "concat": lambda t: dfdx.concat([t, t[:, :2]], 1),
    "stack": lambda t: dfdx.stack([t, t]),
    "flip": lambda t: t.flip(1),
    "matmul": lambda t: t.permute((0, 2, 1)) @ t,
    "matvec": lambda t: t[0] @ t[0, 1],
    "softmax": lambda t: t.softmax(-1),
    "softmax_axes": lambda t: t.softmax((0, 2)),
    "logsumexp": lambda t: t.logsumexp(1),
    "layer_norm": lambda t: t.layer_norm(t.device.ones((5,)), t.device.zeros((5,))),
    "normalize": lambda t: t.normalize((1, 2)),
    "gather": lambda t: t.gather(t.device.tensor([2, 0, 2])),
    "gather_shared": lambda t: t.gather(t.device.tensor([[3, 0], [1, 1], [2, 2]]), 1),
    "gather_2d": lambda t: t.gather(t.device.tensor([[2, 0], [1, 1]])),
    "select": lambda t: t.select(t.device.tensor([[0, 1, 2, 3], [4, 4, 4, 4], [0, 0, 0, 1]]), 2),
    "scatter": lambda t: t.scatter_add(t.device.tensor([0, 1, 0]), 2),
    "scatter_shared": lambda t: t.scatter_add(t.device.tensor([[3, 0, 3, 3], [1, 1, 1, 1], [2, 0, 2, 0]]), 4, 1),
    "scatter_2d": lambda t: t.scatter_add(t.device.tensor([[0, 0, 0, 0], [5, 0, 5, 0], [1, 2, 5, 0]]), 6),
    "tril": lambda t: t.tril(),
    "to_i8": lambda t: (t * 100.0).to_dtype(dfdx.i8),
    "to_u32": lambda t: (t * 100.0).to_dtype(dfdx.u32),
    "to_bool": lambda t: t.clamp(0.0, 1.0).to_dtype(dfdx.bool),
    "to_f64": lambda t: t.to_dtype(dfdx.f64),
}


def same(a, b, rtol=3e-6, atol=2e-6):
    assert a.dtype is b.dtype and a.shape == b.shape
    np.testing.assert_allclose(np.float64(a.array()), np.float64(b.array()), rtol, atol)


@pytest.mark.parametrize("name", FLOAT)
def test_against_cpu(dev, name):
    same(FLOAT[name](dev.tensor(X)), FLOAT[name](CPU.tensor(X)))


@pytest.mark.parametrize("dtype", ["f16", "bf16", "amp_f16", "amp_bf16", "f64"])
@pytest.mark.parametrize(
    "name",
    ["exp", "gelu", "sum_axes", "prod", "max", "matmul", "softmax", "scatter", "gather_shared", "to_i8", "scalar"],
)
def test_other_floats(dev, name, dtype):
    if not dev.supports(dtype):
        pytest.skip(f"{dev.name} has no {dtype}")
    eps = DTYPES[dtype].eps
    same(FLOAT[name](dev.tensor(X, dtype)), FLOAT[name](CPU.tensor(X, dtype)), 2 * eps, 2 * eps)


INTEGER = {
    "add": lambda t: t + t,
    "mul": lambda t: t * 77,
    "negate": lambda t: -t,
    "compare": lambda t: t < t.flip(0),
    "maximum": lambda t: t.maximum(t.flip(0)),
    "sum": lambda t: t.sum(0),
    "prod": lambda t: t.prod(0),
    "max": lambda t: t.max(1),
    "matmul": lambda t: t @ t.permute((1, 0)),
    "gather": lambda t: t.gather(t.device.tensor([1, 0, 1])),
    "scatter": lambda t: t.scatter_add(t.device.tensor([1, 1, 1]), 2),
    "to_f32": lambda t: t.to_dtype(dfdx.f32),
    "to_i16": lambda t: t.to_dtype(dfdx.i16),
    "to_u16": lambda t: t.to_dtype(dfdx.u16),
    "concat": lambda t: dfdx.concat([t, t]),
    "index": lambda t: t.device.tensor(X).gather((t * 0 + 2).reshape((12,))),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"])
@pytest.mark.parametrize("name", INTEGER)
def test_integers_wrap(dev, name, dtype):
    if not dev.supports(dtype):
        pytest.skip(f"{dev.name} has no {dtype}")
    info = np.iinfo(DTYPES[dtype].numpy)
    host = RNG.integers(info.min, info.max, (3, 4), DTYPES[dtype].numpy, endpoint=True)
    host[0, 0], host[1, 1] = info.max, info.min
    same(INTEGER[name](dev.tensor(host)), INTEGER[name](CPU.tensor(host)), 0, 0)


def test_casts_saturate(dev):
    values = [
        np.nan,
        np.inf,
        -np.inf,
        1e30,
        -1e30,
        -1.7,
        1.7,
        -128.5,
        127.5,
        255.9,
        65535.5,
        4294967295.0,
        2.0**31,
        0.0,
    ]
    for source in ("f32", "f64"):
        for target in [d for d in DTYPES.values() if d.is_int and dev.supports(d)]:
            got, want = (d.tensor(np.array(values), "f64").to_dtype(source).to_dtype(target) for d in (dev, CPU))
            assert got.tolist() == want.tolist(), (source, target)


def test_nan_propagates(dev):
    t = dev.tensor([[1.0, float("nan"), 3.0], [float("-inf"), 2.0, float("inf")]])
    for reduced in (t.max(1), t.min(1), t.sum(1), t.prod(1), t.relu().max(1)):
        assert np.isnan(reduced.array()[0])
    assert t.max(1).array()[1] == np.inf and t.min(1).array()[1] == -np.inf


def test_a_value_that_is_not_finite_stays_in_its_place(dev):
    t = dev.tensor([1.0, float("inf"), float("nan"), 2.0])
    out = t.scatter_add(dev.tensor([0, 1, 2, 0]), 4).tolist()
    assert out[0] == 3.0 and out[1] == float("inf") and np.isnan(out[2]) and out[3] == 0.0


def test_scatter_add_of_many_repeats(dev):
    index, values = RNG.integers(0, 7, 5000), RNG.normal(size=(5000, 3)).astype(np.float32)
    want, size = np.zeros((9, 3)), np.zeros((9, 3))
    np.add.at(want, index, values.astype(np.float64))
    np.add.at(size, index, np.abs(values))
    got = dev.tensor(values).scatter_add(dev.tensor(index), 9).array()
    assert (np.abs(got - want) <= 8 * 2.0**-23 * size).all()


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_narrow_floats_accumulate_in_f32(dev, dtype):
    if not dev.supports(dtype):
        pytest.skip(f"{dev.name} has no {dtype}")
    ones = dev.ones((4096,), dtype)
    assert ones.sum().item() == 4096.0
    assert (ones.reshape((1, 4096)) @ ones.reshape((4096, 1))).item() == 4096.0
    assert ones.scatter_add(dev.zeros((4096,), "i64"), 1).tolist() == [4096.0]


def test_random_words_are_philox(dev):
    for key, counter, count in ((0, 0, 4), (2**64 - 1, 2**64 - 2, 13), (0x1234_5678_9ABC_DEF0, 2**32 - 1, 9)):
        words = dev.backend.primitive("random_bits", count=count)(key, counter)
        host = dev.backend.primitive("copy_out", dtype=dfdx.u32)(words)
        assert host.tolist() == philox_words(key, counter, count).tolist()


def test_draws_are_those_of_the_cpu():
    for make in SPACES.values():
        a, b = opened("other", make()), dfdx.device("cpu", seed=0)
        assert a.sample_uniform((33,)).tolist() == b.sample_uniform((33,)).tolist()
        same(a.sample_normal((5, 3)), b.sample_normal((5, 3)))
        assert a.sample((9,), "integers", 3, 70).tolist() == b.sample((9,), "integers", 3, 70).tolist()
        assert a.ones((50,)).dropout(0.3).tolist() == b.ones((50,)).dropout(0.3).tolist()
        assert a.sample_uniform((3,), dfdx.f64).tolist() == b.sample_uniform((3,), dfdx.f64).tolist()


def test_index_out_of_range(dev):
    with pytest.raises(IndexError, match=r"\[gather\] index 3 is out of range for an axis of 3"):
        dev.tensor(X).gather(dev.tensor([0, 3]))
    with pytest.raises(IndexError, match=r"\[scatter_add\] index -1"):
        dev.tensor(X).scatter_add(dev.tensor([0, -1, 1]), 4)


def test_an_asynchronous_device_reads_zero_and_drops_writes():
    dev = opened("later", numpy_space(synchronous=False))
    assert not dev.capabilities.synchronous
    assert dev.tensor([1.0, 2.0]).gather(dev.tensor([1, 2, -1, 0])).tolist() == [2.0, 0.0, 0.0, 1.0]
    assert dev.tensor([1.0, 2.0, 4.0]).scatter_add(dev.tensor([0, 5, -1]), 2).tolist() == [1.0, 0.0]


def test_results_are_new_arrays(dev):
    x = dev.tensor(X)
    for made in (dfdx.concat([x[:2], x[2:]]), x.sum(()), x.to_dtype(dfdx.f64).to_dtype(dfdx.f32)):
        assert made.storage is not x.storage and made.array().tolist() == X.tolist()


def test_gradients_and_an_update(dev):
    from dfdx import losses, nn, optim

    def train(d):
        d.seed(3)
        model = d.build_module(((nn.Linear(5, 7), nn.ReLU()), nn.LayerNorm1D(7), nn.Linear(7, 2)), "f32")
        opt, grads, seen = optim.Adam(model, lr=1e-2), model.alloc_grads(), []
        x, y = d.tensor(X[:, 0]), d.tensor(X[:, 1, :2])
        for _ in range(4):
            loss = losses.mse_loss(model(x.traced(grads)), y)
            seen.append(loss.item())
            opt.update(model, loss.backward())
            model.zero_grads(grads)
        return seen

    np.testing.assert_allclose(train(dev), train(dfdx.device("cpu", seed=3)), 1e-5)


def test_captured_steps_agree_bit_for_bit(dev):
    from dfdx import losses, nn, optim

    def train(captured):
        dev.seed(3)
        model = dev.build_module(
            ((nn.Linear(5, 7), nn.Tanh()), nn.Dropout(0.3), nn.LayerNorm1D(7), nn.Linear(7, 2)), "f32"
        )
        opt, grads = optim.Adam(model, lr=1e-2), model.alloc_grads()

        def step(x, y):
            loss = losses.mse_loss(model(x.traced(grads)), y)
            opt.update(model, loss.backward())
            model.zero_grads(grads)
            return loss

        call = dfdx.capture(step) if captured else step
        seen = [call(dev.tensor(X[:, k]), dev.tensor(X[:, k, :2])).item() for k in range(4)]
        assert not captured or (call.replays, call.reason) == (3, "")
        return seen, [n.tensor.array() for n in model.named_tensors()], dev._counter

    eager, captured = train(False), train(True)
    assert eager[0] == captured[0] and eager[2] == captured[2]
    for a, b in zip(eager[1], captured[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_work_must_hold_every_value():
    with pytest.raises(ValueError, match="u64 cannot be computed in i64"):
        numpy_space(work={"u64": "i64"})


def test_a_kernel_of_ones_own_goes_first():
    table = KernelTable()
    register_kernels(table, numpy_space())
    table.kernel("gather")(lambda a, index, *, axis: "own")
    table.kernel("matmul", when=lambda sig: False)(lambda a, b: "never")
    assert [k.base for k in table.candidates("gather")] == [False, True]
    assert [k.base for k in table.candidates("matmul")] == [False, True]
    with pytest.raises(dfdx.PluginError, match="twice"):
        table.kernel("gather")(lambda a, index, *, axis: "again")
