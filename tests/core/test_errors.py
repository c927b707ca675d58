"""Errors: the op, both operands, the numbers that differ, the way out; and nothing has changed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import dfdx
from dfdx import DeviceError, DeviceMismatchError, DTypeError, ShapeError

DEV = dfdx.device("cpu")
NULL = dfdx.device("null")


def zeros(*shape, dtype=dfdx.f32):
    return DEV.zeros(shape, dtype)


CASES = {
    "matmul": (
        lambda: zeros(2, 3) @ zeros(4, 3),
        ShapeError,
        [
            r"\[matmul\] inner dimensions differ",
            r"a: f32\[2, 3\] on cpu",
            r"a.shape\[-1\] = 3",
            r"b.shape\[-2\] = 4",
            r"b.permute\(\(1, 0\)\) has shape \[3, 4\]",
        ],
    ),
    "vectors": (lambda: zeros(3) @ zeros(3), ShapeError, ["dot", "outer"]),
    "batch": (lambda: zeros(2, 3, 4) @ zeros(5, 4, 3), ShapeError, [r"\[2\]", r"\[5\]"]),
    "add": (lambda: zeros(2, 3) + zeros(2, 4), ShapeError, [r"\[add\]", r"a.shape\[1\] = 3", r"b.shape\[1\] = 4"]),
    "add_rank": (lambda: zeros(2, 3) + zeros(3), ShapeError, [r"b.broadcast_like\(a, axes=\(0,\)\)"]),
    "add_one": (
        lambda: zeros(2, 3) + zeros(1, 3),
        ShapeError,
        ["size-1 dims are not stretched", r"b.reshape\(\(3,\)\)"],
    ),
    "dtype": (
        lambda: zeros(2) + zeros(2, dtype=dfdx.f64),
        DTypeError,
        [r"f32\[2\]", r"f64\[2\]", r"to_dtype\(dfdx.f32\)"],
    ),
    "int_division": (lambda: zeros(2, dtype=dfdx.i32) / zeros(2, dtype=dfdx.i32), DTypeError, [r"\[div\]", "to_dtype"]),
    "int_mean": (lambda: zeros(2, dtype=dfdx.i32).mean(), DTypeError, [r"\[mean\]"]),
    "float_beside_int": (lambda: zeros(2, dtype=dfdx.i32) + 0.5, DTypeError, [r"i32\[2\]"]),
    "overflow": (lambda: zeros(2, dtype=dfdx.u8) + 300, DTypeError, ["300", "u8"]),
    "device": (lambda: zeros(2) + NULL.zeros((2,)), DeviceMismatchError, ["on cpu", "on null", "to_device"]),
    "axis": (lambda: zeros(2, 3).sum(2), ShapeError, [r"\[sum\] axis 2 is out of range", "-2 to 1"]),
    "axis_twice": (lambda: zeros(2, 3).sum((0, -2)), ShapeError, ["twice"]),
    "ambiguous_target": (lambda: zeros(2, 2).sum(to=(2,)), ShapeError, [r"\(0,\) or \(1,\)"]),
    "no_target": (lambda: zeros(2, 3).sum(to=(5,)), ShapeError, [r"\[5\]"]),
    "broadcast": (lambda: zeros(2).broadcast_to((2, 2)), ShapeError, ["2 ways", r"axes=\(0,\)"]),
    "reshape": (lambda: zeros(2, 3).reshape((4, 2)), ShapeError, ["x.numel = 6, target = 8"]),
    "permute": (lambda: zeros(2, 3).permute((0, 0)), ShapeError, ["twice"]),
    "rank_7": (lambda: zeros(1, 1, 1, 1, 1, 1).broadcast_to((2, 1, 1, 1, 1, 1, 1)), ShapeError, ["rank 7"]),
    "stack": (lambda: dfdx.stack([zeros(2), zeros(3)]), ShapeError, [r"\[stack\]", r"\[2\]", r"\[3\]"]),
    "concat": (lambda: dfdx.concat([zeros(2, 3), zeros(2, 4)]), ShapeError, [r"\[concat\]"]),
    "index_float": (lambda: zeros(2).gather(zeros(1)), DTypeError, ["integers"]),
    "index_range": (lambda: zeros(2).gather(DEV.tensor([2])), IndexError, ["index 2", "axis of 2"]),
    "getitem": (lambda: zeros(2)[5], IndexError, ["index 5"]),
    "getitem_mask": (lambda: zeros(2)[DEV.ones((2,), dfdx.bool)], ShapeError, ["where", "gather"]),
    "negative_step": (lambda: zeros(2)[::-1], ShapeError, ["flip"]),
    "setitem": (lambda: zeros(2).__setitem__(0, 1.0), TypeError, ["where"]),
    "ragged": (lambda: DEV.tensor([[1.0], [1.0, 2.0]]), ShapeError, ["ragged"]),
    "truth": (lambda: bool(zeros(2)), TypeError, ["any"]),
    "item": (lambda: zeros(2).item(), ShapeError, ["2 elements"]),
    "unknown_device": (lambda: dfdx.device("cpuu"), DeviceError, ["no backend named 'cpuu'", "Did you mean 'cpu'"]),
    "cpu_1": (lambda: dfdx.device("cpu:1"), dfdx.BackendUnavailable, ["one CPU device"]),
    "dropout": (lambda: zeros(2).dropout(1.5), ValueError, [r"\[dropout\]", "1.5"]),
    "pickle": (lambda: pickle.dumps(zeros(2)), TypeError, ["save"]),
    "null_values": (lambda: NULL.zeros((2,)).array(), TypeError, ["shapes only"]),
    "empty_max": (lambda: zeros(0).max(), ShapeError, ["empty axis"]),
    "realize": (lambda: zeros(2).realize((3,)), ShapeError, [r"\[realize\]"]),
    "not_a_tensor": (lambda: dfdx.exp(np.zeros(2)), TypeError, [r"\[exp\] takes a tensor"]),
}


@pytest.mark.parametrize("name", CASES)
def test_error(name):
    import re

    run, kind, facts = CASES[name]
    with pytest.raises(kind) as caught:
        run()
    for fact in facts:
        assert re.search(fact, str(caught.value)), f"{fact!r} is not in:\n{caught.value}"


def test_the_design_page_message_to_the_letter():
    with pytest.raises(ShapeError) as caught:
        zeros(2, 3) @ DEV.zeros((3, 2)).reshape((2, 3))
    assert str(caught.value).splitlines() == [
        "[matmul] inner dimensions differ",
        "  a: f32[2, 3] on cpu      a.shape[-1] = 3",
        "  b: f32[2, 3] on cpu      b.shape[-2] = 2",
        "  hint: b.permute((1, 0)) has shape [3, 2]; a @ b needs a.shape[-1] == b.shape[-2]",
    ]


def test_every_error_is_public_and_in_the_tree():
    for name in dfdx.core.errors.__all__:
        assert issubclass(getattr(dfdx, name), dfdx.DfdxError) and getattr(dfdx, name).__module__ == "dfdx"


def test_an_error_stands_alone():
    """No KeyError of a lookup in between: what a user reads is the one error."""
    for call in (lambda: DEV.zeros((2, 3)) + DEV.zeros((3, 2)), lambda: DEV.zeros((2, 3)).linear(DEV.zeros((4, 4)))):
        with pytest.raises(dfdx.ShapeError) as found:
            call()
        assert found.value.__context__ is None
