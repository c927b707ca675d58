"""Checkpoints: other people's readers, hostile files, crashes while saving."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import dfdx
from dfdx import CheckpointError, nn

DEV = dfdx.device("cpu")


@pytest.fixture
def model():
    return DEV.build_module((nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("dtype", [dfdx.f32, dfdx.f64, dfdx.f16, dfdx.bf16])
def test_round_trip(tmp_path, suffix, dtype):
    spec = (nn.Linear(3, 4), nn.LayerNorm1D(4))
    a, b = DEV.build_module(spec, dtype), DEV.build_module(spec, dtype)
    a.save(tmp_path / f"m{suffix}")
    b.load(tmp_path / f"m{suffix}")
    for m, n in zip(a.named_tensors(), b.named_tensors(), strict=True):
        assert m.tensor.tolist() == n.tensor.tolist()
    assert os.listdir(tmp_path) == [f"m{suffix}"]


def test_others_read_our_files(model, tmp_path):
    model.save(tmp_path / "m.npz")
    model.save(tmp_path / "m.safetensors")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as z:
        assert sorted(z) == ["0.bias", "0.weight", "2.bias", "2.weight"]
        np.testing.assert_array_equal(z["0.weight"], model[0].weight.array())
    np.testing.assert_array_equal(load_file(tmp_path / "m.safetensors")["2.bias"], model[2].bias.array())


def test_pytorch_models_go_through_safetensors_both_ways(model, tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file as save_torch

    theirs = torch.nn.Sequential(*[torch.nn.Linear(*m.weight.shape[::-1]) for m in (model[0], model[2])])
    theirs.insert(1, torch.nn.ReLU())
    x = DEV.sample_normal((5, model[0].weight.shape[1]))
    model.save(tmp_path / "ours.safetensors")
    theirs.load_state_dict(load_torch(tmp_path / "ours.safetensors"))
    with torch.no_grad():
        np.testing.assert_allclose(theirs(torch.tensor(x.array())).numpy(), model(x).array(), rtol=1e-5, atol=1e-6)
        theirs[0].weight.mul_(2.0)
    save_torch(theirs.state_dict(), tmp_path / "theirs.safetensors")
    model.load(tmp_path / "theirs.safetensors")
    np.testing.assert_array_equal(model[0].weight.array(), theirs[0].weight.detach().numpy())


def _npz(arrays, path):
    np.savez(path, **arrays)


def _mutants():
    """(name, suffix, function from the good arrays and a path to a bad file)."""
    yield "missing", ".npz", lambda a, p: _npz({k: v for k, v in a.items() if k != "0.bias"}, p)
    yield "extra", ".npz", lambda a, p: _npz({**a, "9.bias": np.zeros(3)}, p)
    yield "renamed", ".npz", lambda a, p: _npz({k.replace("0", "zero"): v for k, v in a.items()}, p)
    yield "shape", ".npz", lambda a, p: _npz({**a, "0.bias": np.zeros(5, np.float32)}, p)
    yield "rank", ".npz", lambda a, p: _npz({**a, "0.bias": np.zeros((4, 1), np.float32)}, p)
    yield "transposed", ".npz", lambda a, p: _npz({**a, "0.weight": a["0.weight"].T}, p)
    yield "dtype", ".npz", lambda a, p: _npz({**a, "0.bias": a["0.bias"].astype(np.float64)}, p)
    yield "int", ".npz", lambda a, p: _npz({**a, "0.bias": a["0.bias"].astype(np.int32)}, p)
    yield "complex", ".npz", lambda a, p: _npz({**a, "0.bias": a["0.bias"].astype(np.complex64)}, p)
    yield "strings", ".npz", lambda a, p: _npz({**a, "0.bias": np.array(["a", "b", "c", "d"])}, p)
    yield "pickle", ".npz", lambda a, p: np.savez(p, **{**a, "0.bias": np.array([_Bomb()] * 4, object)})
    yield "plain_pickle", ".npz", lambda a, p: p.write_bytes(pickle.dumps(_Bomb()))
    yield "empty", ".npz", lambda a, p: p.write_bytes(b"")
    yield "text", ".npz", lambda a, p: p.write_text("hello")
    yield "no_entries", ".npz", lambda a, p: zipfile.ZipFile(p, "w").close()
    for cut in (0.1, 0.5, 0.9, 0.99):
        yield (
            f"cut_{cut}",
            ".npz",
            lambda a, p, cut=cut: (_npz(a, p), p.write_bytes(p.read_bytes()[: int(cut * p.stat().st_size)])),
        )
    yield "absolute", ".npz", lambda a, p: _zip(p, {"/etc/passwd.npy": _npy(np.zeros(1))})
    yield "dotdot", ".npz", lambda a, p: _zip(p, {"../../x.npy": _npy(np.zeros(1))})
    yield "foreign_entry", ".npz", lambda a, p: _zip(p, {"code.py": b"print(1)"})
    yield (
        "size_bomb",
        ".npz",
        lambda a, p: _zip(
            p,
            {"0.bias.npy": _npy(np.zeros(4, np.float32)).replace(b"(4,), }", b"(4000000000,), }"[:7] + b"")}
            | {"0.weight.npy": _header((10**12,))},
        ),
    )
    yield "negative", ".npz", lambda a, p: _zip(p, {"0.bias.npy": _header((-4,))})
    yield "trailing", ".npz", lambda a, p: _zip(p, {"0.bias.npy": _npy(np.zeros(4, np.float32)) + b"more"})
    yield (
        "header_code",
        ".npz",
        lambda a, p: _zip(p, {"0.bias.npy": b"\x93NUMPY\x01\x00\x20\x00" + b"__import__('os').system('true') \n"}),
    )
    yield "st_text", ".safetensors", lambda a, p: p.write_text("hello world, this is text")
    yield "st_short", ".safetensors", lambda a, p: p.write_bytes(b"\x01")
    yield "st_header_size", ".safetensors", lambda a, p: p.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    yield (
        "st_offsets",
        ".safetensors",
        lambda a, p: _st(p, {"0.bias": {"dtype": "F32", "shape": [4], "data_offsets": [0, 4]}}, b"\0" * 16),
    )
    yield (
        "st_beyond",
        ".safetensors",
        lambda a, p: _st(p, {"0.bias": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}, b""),
    )
    yield (
        "st_dtype",
        ".safetensors",
        lambda a, p: _st(p, {"0.bias": {"dtype": "X9", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 16),
    )
    yield "st_shape", ".safetensors", lambda a, p: save_file({**a, "0.bias": np.zeros(5, np.float32)}, p)
    yield "st_wrong_dtype", ".safetensors", lambda a, p: save_file({**a, "0.bias": np.zeros(4, np.float16)}, p)
    yield "st_list", ".safetensors", lambda a, p: _st(p, [1, 2], b"")


class _Bomb:
    def __reduce__(self):
        return os.system, ("touch /tmp/dfdx-unpickled",)


def _npy(a):
    out = io.BytesIO()
    np.save(out, a)
    return out.getvalue()


def _header(shape):
    text = str({"descr": "<f4", "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def _zip(path, entries):
    with zipfile.ZipFile(path, "w") as z:
        for name, data in entries.items():
            z.writestr(name, data)


def _st(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


MUTANTS = {name: (suffix, make) for name, suffix, make in _mutants()}


def test_there_are_thirty():
    assert len(MUTANTS) >= 30


@pytest.mark.parametrize("name", MUTANTS)
def test_a_bad_file_is_refused_and_changes_nothing(name, model, tmp_path):
    suffix, make = MUTANTS[name]
    good = {n.path: n.tensor.array() for n in model.named_tensors()}
    path = tmp_path / f"bad{suffix}"
    make({k: v + 1 for k, v in good.items()}, path)
    with pytest.raises(CheckpointError):
        model.load(path)
    assert not os.path.exists("/tmp/dfdx-unpickled")
    for n in model.named_tensors():
        np.testing.assert_array_equal(n.tensor.array(), good[n.path])


def test_one_error_lists_everything(model, tmp_path):
    np.savez(tmp_path / "m.npz", **{"0.weight": np.zeros((4, 4), np.float32), "0.bias": np.zeros(4), "x": np.zeros(1)})
    with pytest.raises(CheckpointError) as caught:
        model.load(tmp_path / "m.npz")
    for fact in (
        "missing: 2.weight",
        "missing: 2.bias",
        "extra: x",
        "shape of 0.weight: wanted [4, 3], file has [4, 4]",
        "dtype of 0.bias: wanted f32, file has f64",
    ):
        assert fact in str(caught.value)


def test_suffix_and_missing_file(model, tmp_path):
    with pytest.raises(CheckpointError, match="suffix"):
        model.save(tmp_path / "m.pt")
    with pytest.raises(CheckpointError, match="No such file"):
        model.load(tmp_path / "m.npz")


def test_damaged_entries_and_those_that_do_not_fit_are_listed_together(model, tmp_path):
    good = {n.path: n.tensor.array() for n in model.named_tensors()}
    whole, cut = _npy(good["0.bias"]), _npy(good["0.weight"])[:-4]
    _zip(
        tmp_path / "m.npz",
        {"0.bias.npy": whole, "0.weight.npy": cut, "2.bias.npy": b"nothing", "../x.npy": whole, "new.npy": whole},
    )
    with pytest.raises(CheckpointError) as caught:
        model.load(tmp_path / "m.npz")
    for fact in ("0.weight has", "2.bias ", "../x is no array", "extra: new", "missing: 2.weight"):
        assert fact in str(caught.value)
    assert "missing: 2.bias" not in str(caught.value)
    header = {
        "0.bias": {"dtype": "X9", "shape": [4], "data_offsets": [0, 16]},
        "0.weight": {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 160]},
        "2.bias": {"shape": [4]},
        "2.weight": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]},
    }
    _st(tmp_path / "m.safetensors", header, b"\0" * 16)
    with pytest.raises(CheckpointError) as caught:
        model.load(tmp_path / "m.safetensors")
    for fact in ("0.bias has dtype 'X9'", "0.weight needs 48 bytes", "2.bias 'dtype'", "2.weight has shape [-4]"):
        assert fact in str(caught.value)
    for n in model.named_tensors():
        np.testing.assert_array_equal(n.tensor.array(), good[n.path])


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_any_damage_is_refused_or_harmless(data):
    """Random bytes changed, cut or put in: the file is refused with one error, or it still holds arrays that fit."""
    model = DEV.build_module((nn.Linear(3, 4), nn.Linear(4, 2)))
    before = [n.tensor.array() for n in model.named_tensors()]
    suffix = data.draw(st.sampled_from([".npz", ".safetensors"]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"m{suffix}")
        model.save(path)
        raw = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(raw)))
            new = data.draw(st.binary(max_size=8))
            raw[at : at + data.draw(st.integers(0, 8))] = new
        path.write_bytes(raw)
        try:
            model.load(path)
        except CheckpointError:
            for b, n in zip(before, model.named_tensors(), strict=True):
                np.testing.assert_array_equal(n.tensor.array(), b)


SERVER = """
import os, signal, sys, dfdx
from dfdx import nn
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
models = [dfdx.device("cpu", seed=s).build_module(nn.Linear(200, 200)) for s in (1, 2)]
for line in sys.stdin:
    if not os.fork():
        os.write(1, b"%d\\n" % os.getpid())
        while True:
            for m in models:
                m.save(sys.argv[1])
"""


def test_killed_200_times_while_saving(tmp_path):
    """The file is always one of those that were written, whole."""
    path, rng = tmp_path / "m.npz", np.random.default_rng(0)
    models = [dfdx.device("cpu", seed=s).build_module(nn.Linear(200, 200)) for s in (1, 2)]
    written = [m.weight.array() for m in models]
    model = DEV.build_module(nn.Linear(200, 200))
    models[0].save(path)
    command = [sys.executable, "-c", SERVER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None and server.stdout is not None
        for _ in range(200):
            server.stdin.write(b"fork\n")
            server.stdin.flush()
            child = int(server.stdout.readline())
            time.sleep(float(rng.random()) * 0.02)
            os.kill(child, signal.SIGKILL)
            model.load(path)
            assert any(np.array_equal(model.weight.array(), w) for w in written)
        server.stdin.close()
    assert any(f.endswith(".tmp") for f in os.listdir(tmp_path)), "no kill came while a file was written"
