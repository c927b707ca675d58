"""Pictures of models: boxes, arrows with shapes, and Graphviz asked for other formats."""

from __future__ import annotations

import re
import stat

import pytest

import dfdx
from dfdx import nn
from dfdx.nn.draw import graph_text

DEV = dfdx.device("cpu")


def _arrows(text):
    return re.findall(r'(\w+) -> (\w+) \[label="(.*?)"\]', text)


def test_a_residual_has_two_ways():
    model = DEV.build_module((nn.Linear(4, 8), nn.Residual((nn.Linear(8, 8), nn.Tanh())), nn.Linear(8, 2)))
    text = graph_text(model, (None, 4))
    assert '"1.0.0: Linear(8, 8)"' in text
    assert _arrows(text) == [
        ("input", "m0", "[n, 4]"), ("m0", "m1", "[n, 8]"), ("m1", "m2", "[n, 8]"), ("m2", "m3", "[n, 8]"), ("m0", "m3", "[n, 8]"),
        ("m3", "output", "[n, 2]"),
    ]  # fmt: skip


class _Two(nn.Module):
    def __init__(self):
        self.left, self.right = nn.Linear(3, 2), nn.Linear(5, 2)

    def forward(self, x, y):
        return self.left(x) * self.right(y), x


def test_several_inputs_and_outputs():
    text = graph_text(DEV.build_module(_Two()), [(7, 3), (7, 5)])
    assert _arrows(text) == [
        ("input", "m0", "[7, 3]"), ("input", "m1", "[7, 5]"), ("m0", "output", "[7, 2]"), ("m1", "output", "[7, 2]"),
        ("input", "output", "[7, 3]"),
    ]  # fmt: skip


def test_files(tmp_path, monkeypatch):
    model = DEV.build_module(nn.Linear(4, 2))
    model.draw(tmp_path / "m.gv", input=(None, 4))
    assert (tmp_path / "m.gv").read_text() == graph_text(model, (None, 4))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(dfdx.DfdxError, match="install graphviz"):
        model.draw(tmp_path / "m.svg", input=(None, 4))
    dot = tmp_path / "dot"  # stands for Graphviz: writes its arguments and what it is given
    dot.write_text('#!/bin/sh\n{ echo "$@"; while read -r line; do echo "$line"; done; } > "$3"\n')
    dot.chmod(dot.stat().st_mode | stat.S_IXUSR)
    model.draw(tmp_path / "m.svg", input=(None, 4))
    written = (tmp_path / "m.svg").read_text()
    assert written.startswith("-Tsvg -o ") and "digraph model" in written


def test_a_state_is_drawn_as_inputs():
    text = graph_text(DEV.build_module(nn.LSTMCell(3, 4)), [(None, 3), [(None, 4), (None, 4)]])
    assert text.count("input -> m0") == 3 and '[label="[n, 4]"]' in text
