"""The harness measures what it says, and `python -m dfdx bench` prints it."""

from __future__ import annotations

import json
import time

import pytest

from dfdx.bench import OURS, ROWS, Row, Timing, Work, compare, measure_import, measure_memory, ratio
from dfdx.cli.main import main


def test_contestants_take_turns_and_the_slower_is_slower():
    order = []

    def sleeper(name, seconds):
        def run():
            order.append(name)
            time.sleep(seconds)

        return lambda: Work(run)

    row = Row("sleep", {"eager": sleeper("eager", 0.002), "torch": sleeper("torch", 0.01)}, 1.0)
    timings = compare(row, ("torch",), 0.05)
    assert 0.1 < ratio(timings, "eager")[0] < 0.6 and ratio(timings, "eager")[1] == "torch"
    assert timings["eager"].samples == timings["torch"].samples >= 5
    rounds = "".join(n[0] for n in order).split("e" * 8)[-1]  # past set-up and calibration
    assert "et" in rounds and "te" in rounds


def test_units_divide():
    timings = compare(Row("x", {"eager": lambda: Work(lambda: time.sleep(0.005), units=5)}), (), 0.05)
    assert 0.0009 < timings["eager"].min < 0.004


def test_a_contestant_that_fails_says_why_and_the_others_run():
    def broken():
        raise ValueError("no such thing")

    timings = compare(Row("x", {"eager": lambda: Work(lambda: None), "torch": broken}), ("torch",), 0.01)
    assert timings["torch"] == "ValueError: no such thing" and isinstance(timings["eager"], Timing)
    assert ratio(timings, "eager") is None


def test_peers_that_are_not_asked_for_do_not_run():
    def never():
        raise AssertionError

    assert set(compare(Row("x", {"eager": lambda: Work(lambda: None), "jax": never}), (), 0.01)) == {"eager"}


def test_the_command_prints_json(capsys):
    assert main(["bench", "--vs", "", "--rows", "recorded add", "--seconds", "0.02", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["rows"]
    assert row["row"] == "recorded add 32x32" and row["times"]["eager"]["min"] > 0 and found["machine"]["read GB/s"] > 0


def test_the_command_names_missing_and_unknown_peers(capsys, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    main(["bench", "--vs", "jax,abacus", "--rows", "recorded add", "--seconds", "0.01"])
    text = capsys.readouterr().out
    assert "jax is not installed: skipped" in text and "no peer 'abacus'" in text


def test_the_chart(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    from dfdx.cli.bench import draw

    draw([{"row": "a", "ratios": {"eager": {"min": 0.5}, "captured": {"min": 0.2}}}], str(tmp_path / "bench.png"))
    assert (tmp_path / "bench.png").stat().st_size > 1000


SMALL = ("recorded", "10-op", "README", "LeNet", "sum over axis", "batch norm 64x16", "matmul 256")


def test_small_rows_run_here():
    for row in ROWS:
        if row.name.startswith(SMALL):
            for ours in OURS:
                if ours in row.makers:
                    work = row.makers[ours]()
                    for _ in range(2):
                        work.run()


def test_import_adds_little_and_loads_no_backend():
    found = measure_import()
    assert found["loaded"] == []
    assert found["dfdx"] < 0.15 + found["numpy"], found  # the bar is 0.15 s; a loaded machine slows both


def test_memory_of_a_large_step():
    found = measure_memory(("dfdx",))
    assert not found or 20 < found["dfdx"] < 2000  # its parameters, Adam's state and activations alone are 40 MB
