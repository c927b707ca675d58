"""Datasets: order, lengths, batches, threads, files."""

from __future__ import annotations

import gzip
import struct
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dfdx
from dfdx import data
from dfdx.utils import History, sparkline


@given(st.integers(0, 30), st.integers(1, 7))
def test_batches_keep_the_order(n, size):
    ds = data.dataset(range(n))
    exact, last = ds.batch_exact(size), ds.batch_with_last(size)
    assert len(exact) == n // size and len(last) == -(-n // size)
    assert [i for b in last for i in b] == list(range(n)) and all(len(b) == size for b in exact)


def test_shuffled_is_a_permutation_that_depends_on_the_seed():
    ds = data.dataset(range(50))
    a, b = list(ds.shuffled(1)), list(ds.shuffled(2))
    assert sorted(a) == sorted(b) == list(range(50)) and a != b and a == list(ds.shuffled(1))


def test_the_whole_pipeline():
    ds = (
        data.dataset(np.arange(12.0).reshape(6, 2), list("abcdef"))
        .map(lambda p: (p[0] * 2, p[1]))
        .batch_with_last(4)
        .collate()
    )
    images, letters = ds[-1]
    np.testing.assert_array_equal(data.dataset([images]).stack()[0], [[16.0, 18.0], [20.0, 22.0]])
    assert letters == ["e", "f"]
    dev = dfdx.device("cpu")
    assert data.dataset([dev.ones((2,))] * 4).batch_exact(2).stack()[1].shape == (2, 2)
    with pytest.raises(dfdx.ShapeError):
        data.dataset([1, 2], [1])
    with pytest.raises(IndexError):
        data.dataset([1])[1]


def test_prefetch_passes_on_errors_and_stops_its_thread():
    assert list(data.dataset(range(10)).prefetch(3)) == list(range(10))

    def bad(i):
        if i == 3:
            raise KeyError("three")
        return i

    seen = []
    with pytest.raises(KeyError, match="three"):
        for i in data.dataset(range(10)).map(bad).prefetch():
            seen.append(i)
    assert seen == [0, 1, 2]
    for _ in data.dataset(range(1000)).prefetch():
        break
    assert not [t for t in threading.enumerate() if t.name == "dfdx-prefetch"]


def test_idx_files(tmp_path):
    a = np.arange(24, dtype=">i4").reshape(2, 3, 4)
    raw = struct.pack(">BBBB3I", 0, 0, 0x0C, 3, 2, 3, 4) + a.tobytes()
    (tmp_path / "a.idx").write_bytes(raw)
    (tmp_path / "a.gz").write_bytes(gzip.compress(raw))
    np.testing.assert_array_equal(data.read_idx(tmp_path / "a.idx"), a)
    np.testing.assert_array_equal(data.read_idx(tmp_path / "a.gz"), a)
    for name, bad in {
        "cut": raw[:-1],
        "magic": b"\1" + raw[1:],
        "empty": b"",
        "header": raw[:9],
        "gz": gzip.compress(raw)[:-9],
    }.items():
        (tmp_path / name).write_bytes(bad)
        with pytest.raises(ValueError, match="read_idx"):
            data.read_idx(tmp_path / name)


def test_digits():
    train, test = data.digits("train"), data.digits("test")
    assert (
        (len(train), len(test)) == (1437, 360)
        and train[0][0].shape == (64,)
        and data.digits(flat=False)[0][0].shape == (1, 8, 8)
    )
    assert train[0][0].dtype == np.float32 and train[0][0].min() >= 0 and train[0][0].max() <= 1
    images = {i.tobytes() + bytes([y]) for i, y in train}
    assert sum(i.tobytes() + bytes([y]) in images for i, y in test) < 5


def test_history(tmp_path):
    h = History()
    for i in range(4):
        h.add(epoch=i, loss=1.0 / (i + 1))
    h.to_csv(tmp_path / "h.csv")
    h.to_json(tmp_path / "h.json")
    assert (tmp_path / "h.csv").read_text().splitlines()[:2] == ["epoch,loss", "0,1.0"]
    assert sparkline([0, 1, 2]) == "▁▅█" and h.spark("loss").startswith("loss █") and sparkline([1, 1]) == "▁▁"


def test_progress_is_silent_in_a_pipe(capfd):
    assert list(data.dataset(range(3)).progress("x")) == [0, 1, 2]
    out, err = capfd.readouterr()
    assert out == "" and err == ""
