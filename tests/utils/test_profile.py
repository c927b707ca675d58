"""The profiler: every launch of forward, backward and update, and what it writes."""

from __future__ import annotations

import itertools
import json

import dfdx
from dfdx import losses, nn, optim

DEV = dfdx.device("cpu")


def _step():
    model = DEV.build_module((nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)))
    opt, grads = optim.Adam(model), model.alloc_grads()
    with dfdx.profile() as p:
        loss = losses.mse_loss(model(DEV.ones((4, 8)).traced(grads)), DEV.ones((4, 2)))
        opt.update(model, loss.backward())
    return p


def test_a_training_step_shows_forward_backward_and_update():
    p = _step()
    rows = {r["op"]: r for r in p.rows()}
    assert rows["linear"]["calls"] == 2
    assert any("backward" in op for op in rows) and any(op.startswith("update") for op in rows)
    assert abs(sum(r["share"] for r in rows.values()) - 1.0) < 1e-9
    assert rows["linear"]["bytes"] == 4 * (4 * 8 + 8 * 16 + 16 + 4 * 16) + 4 * (4 * 16 + 16 * 2 + 2 + 4 * 2)
    inside = sum(r["seconds"] for r in rows.values())
    assert 0 < inside <= p.seconds
    text = repr(p)
    assert "us/call" in text and "linear" in text and text.splitlines()[-1].startswith(f"{len(p.launches)} launches")


def test_chrome_trace_holds_every_launch(tmp_path):
    p = _step()
    p.chrome_trace(tmp_path / "t.json")
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    assert [e["name"] for e in events] == [e.op for e in p.launches]
    for e in events:  # a complete event of the Trace Event Format, which Perfetto reads
        assert e["ph"] == "X" and isinstance(e["pid"], int) and isinstance(e["tid"], int) and isinstance(e["cat"], str)
        assert e["ts"] >= 0 and e["dur"] > 0 and isinstance(e["args"], dict)
    assert all(a["ts"] + a["dur"] <= b["ts"] + 1e-3 for a, b in itertools.pairwise(events))  # one row: no overlap


def test_profiles_nest_and_stop_watching():
    x = DEV.ones((3,))
    with dfdx.profile() as outer:
        with dfdx.profile() as inner:
            x.exp()
        x.sin()
    x.cos()
    assert [e.op for e in inner.launches] == ["exp"]
    assert [e.op for e in outer.launches] == ["exp", "sin"]


def test_an_error_inside_leaves_nothing_behind():
    try:
        with dfdx.profile() as p:
            DEV.ones((3,)) + DEV.ones((4,))
    except dfdx.ShapeError:
        pass
    DEV.ones((3,)).exp()
    assert {e.op for e in p.launches} == {"fill"}
