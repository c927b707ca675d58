"""What a notebook, a terminal and a pipe are shown."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser

import pytest

import dfdx
from dfdx import nn
from dfdx.conformance import judge
from dfdx.utils import History

DEV = dfdx.device("cpu")


def _history():
    history = History()
    history.add(epoch=1, loss=0.5)
    history.add(epoch=2, loss=0.25, accuracy=0.9)
    return history


def _profile():
    with dfdx.profile() as p:
        DEV.ones((3,)).exp()
    return p


SHOWN = {
    "tensor": (lambda: DEV.ones((2,)), "tensor([1., 1.], f32[2] on cpu)"),
    "module": (lambda: DEV.build_module((nn.Linear(2, 3), nn.ReLU())), "Linear(2, 3)"),
    "device": (lambda: DEV, "amp_bf16"),
    "devices": (dfdx.devices, "dfdx 0."),
    "history": (_history, "▁"),
    "profile": (_profile, "exp"),
    "report": (lambda: judge("cpu", "quick", "tan"), "conforming"),
}


class _Balanced(HTMLParser):
    """Every tag that is opened is closed, in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text = [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.text += dict(attrs).get("srcdoc") or ""

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_shows(name):
    make, words = SHOWN[name]
    assert words in _Balanced(make()._repr_html_()).text


def test_devices_and_reports_are_tables_in_a_terminal():
    assert repr(dfdx.devices()).splitlines()[0].split() == ["device", "state", "package", "reason", "hint"]
    assert "CONFORMING" in repr(judge("cpu", "quick", "tan"))


LOOP = "from dfdx.utils import progress\nfor i in progress(range(3), 'counting'): pass"


def test_progress_is_silent_in_a_pipe():
    done = subprocess.run([sys.executable, "-c", LOOP], capture_output=True, text=True, check=True)
    assert done.stdout == "" and done.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_progress_is_a_bar_on_a_terminal():
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 80))
    subprocess.run([sys.executable, "-c", LOOP], stderr=theirs, check=True)
    shown = os.read(ours, 10000).decode()
    os.close(theirs)
    os.close(ours)
    assert "counting" in shown and "0/3" in shown and shown.endswith("\r")  # wiped away at the end


def test_progress_is_a_widget_in_a_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", type(sys)("ipykernel"))
    made = []
    monkeypatch.setattr("tqdm.auto.tqdm", lambda items, **options: made.append(options) or items)
    from dfdx.utils import progress

    assert list(progress(range(3), "counting")) == [0, 1, 2] and made[0]["desc"] == "counting"
