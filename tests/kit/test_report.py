"""The report, the expectations, the levels and the pytest side."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import dfdx
from dfdx.conformance import Expect, entry, expected, suite
from dfdx.conformance.checks.finding import Finding
from dfdx.conformance.expectations import Expectations, suggestion
from dfdx.conformance.faulty import FAULTS, device
from dfdx.conformance.render import html, markdown, terminal
from dfdx.conformance.report import judge
from dfdx.conformance.runner import Item, items, run_item


def finding(status="fail", **fields):
    return Finding(
        **{
            "kind": "op",
            "name": "exp",
            "family": "unary",
            "dtype": "f16",
            "sample": "matrix",
            "check": "forward",
            "status": status,
            **fields,
        }
    )


def test_a_report_says_everything_in_three_forms():
    r = judge("cpu", "quick", only="rowwise")
    assert r["verdict"] == "conforming" and not r["failures"] and r["counts"]["pass"] > 300
    assert json.loads(json.dumps(r)) == r
    (family,) = [f for f in r["families"] if f["family"] == "rowwise"]
    assert family["entries"] >= 12 and 0 < family["worst"]["ratio"] <= 1
    for text in (terminal(r), markdown(r), html(r)):
        assert "rowwise" in text and "rnn_relu_cell" in text and "cpu" in text and "conforming" in text.lower()


def test_a_failure_is_shown_as_a_program_that_shows_it():
    fault = next(f for f in FAULTS if f.entry == "softmax")
    item = Item(entry("op", "softmax"), dfdx.f32)
    bad = next(f for f in run_item(item, device(fault), "standard") if f.bad and f.check == "forward")
    program = bad.source.replace("dfdx.device('faulty')", "dfdx.device('cpu')")
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "device:" in out and "expected: Ref(" in out
    assert suggestion(bad) == "Expect('softmax', reason=..., dtype='f32', check='forward', sample='large values')"


def test_an_expectation_matches_by_its_fields_and_is_strict():
    e = Expectations([Expect("exp", "known", dtype="f16", check="forward"), Expect("gone", "no such op")])
    assert e.judge(finding()).status == "expected-fail" and e.judge(finding()).reason == "known"
    assert e.judge(finding("pass")).status == "unexpected-pass" and e.judge(finding("pass")).bad
    assert e.judge(finding(dtype="f32")).status == "fail" and e.judge(finding(name="expm1")).status == "fail"
    assert e.judge(finding("n/a")).status == "n/a"
    assert [x.op for x in e.unmatched()] == ["gone"]


def test_what_a_device_does_not_promise_is_not_asked():
    shaky = device(next(f for f in FAULTS if f.check == "determinism"), deterministic=False)
    found = list(run_item(Item(entry("op", "exp"), dfdx.f32), shaky, "quick"))
    assert not [f for f in found if f.bad] and {f.status for f in found if f.check == "determinism"} == {"n/a"}
    lazy = device(next(f for f in FAULTS if f.check == "errors"), synchronous=False)
    assert not [f for f in run_item(Item(entry("op", "gather"), dfdx.f32), lazy, "quick") if f.bad]
    few = device(dtypes=frozenset({dfdx.f32, dfdx.i64}))
    assert {i.dtype for i in items(few, "standard", "ops")} == {dfdx.f32, dfdx.i64}
    (refusals,) = items(few, "standard", "undeclared dtypes")
    assert {f.status for f in run_item(refusals, few, "standard")} == {"pass"}


def test_wider_functions_are_declared_in_units_in_the_last_place():
    dev = device(ulp={"exp": 1e-6})  # far tighter than anyone can be
    bad = [f for f in run_item(Item(entry("op", "exp"), dfdx.f32), dev, "quick") if f.bad]
    assert any(f.check == "forward" and f.ratio > 1 for f in bad)


def test_the_suite_is_two_lines():
    tests = suite("cpu", "quick", only="reduce")
    assert list(tests) == ["test_primitives", "test_ops"]
    (mark,) = tests["test_ops"].pytestmark
    assert "sum-f32" in mark.kwargs["ids"]
    with pytest.raises(dfdx.DeviceError, match="no backend named 'tpu9000'"):
        suite("tpu9000")


def test_the_reference_is_right_about_a_known_gradient():
    want = expected("op", "tanh", "matrix", "f32")
    assert want.v.shape == (3, 4) and (want.e > 0).all() and (want.e < 1e-6).all()
    np.testing.assert_allclose(
        want.v, np.tanh(entry("op", "tanh").samples[0].arrays("tanh", dfdx.f32)[0].astype(float))
    )


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="nothing is named 'softmux'"):
        judge("cpu", "quick", only="softmux")


def test_a_wheel_of_dfdx_and_a_plugin_are_enough():
    """Without PyTorch, pytest and hypothesis."""
    program = """
import sys
for name in ("torch", "pytest", "hypothesis", "scipy", "matplotlib"):
    sys.modules[name] = None  # importing it fails
from dfdx.cli.main import main
sys.exit(main(["conformance", "cpu", "--only", "optimizers"]))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0 and "CONFORMING" in run.stdout, run.stdout + run.stderr


def test_expectations_of_a_backend_reach_the_suite_and_the_report(monkeypatch):
    stale = Expect("exp", "fixed long ago", dtype="f32", check="forward", sample="matrix")
    nothing = Expect("exp", "renamed", sample="no such sample")
    for module in ("suite", "report"):
        monkeypatch.setattr(sys.modules[f"dfdx.conformance.{module}"], "declared", lambda dev: [stale, nothing])
    tests = suite("cpu", "quick")
    tests["test_expectations"](stale)
    with pytest.raises(AssertionError, match="matches nothing"):
        tests["test_expectations"](nothing)
    item = next(i for i in items(dfdx.device("cpu"), "quick", "exp") if i.dtype is dfdx.f32)
    with pytest.raises(pytest.fail.Exception, match="unexpected-pass"):
        tests["test_ops"](item)
    r = judge("cpu", "quick", only="exp")
    assert r["verdict"] == "not conforming" and [f["status"] for f in r["failures"]] == ["unexpected-pass"]
