"""The stub files are those that the library gives now."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import dfdx
from dfdx import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from stubs import assemble, ops  # noqa: E402


def test_fresh() -> None:
    """In a process of its own: other tests register ops."""
    script = ROOT / "tools" / "gen_stubs.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, f"run `make stubs` and commit:\n{done.stdout}{done.stderr}"


def test_every_op_and_module_has_a_rule() -> None:
    """One without gets a stub of `Any`, which checks nothing: name it in tools/stubs/ops.py, modules.py or nn.py (GENERIC)."""
    lacking = assemble.lacking()
    assert lacking["ops"] == [] and lacking["modules"] == []


def test_importing_reads_no_stub_and_no_shape_extensions() -> None:
    code = "import sys, dfdx; print([m for m in sys.modules if 'static.std' in m or 'static.pf' in m or 'shape_extensions' in m])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_names_for_annotations() -> None:
    """They evaluate at run time, and claim nothing there."""
    assert dfdx.Tensor[dfdx.Rank2[dfdx.L[64], dfdx.Dim[dfdx.B]], dfdx.f32, dfdx.Cpu, dfdx.OwnedTape] is dfdx.Tensor
    assert issubclass(nn.Module[nn.Features[dfdx.L[10]], nn.Features[dfdx.L[2]]], nn.Module)
    assert isinstance(dfdx.device("cpu"), dfdx.Cpu) and isinstance(dfdx.device("cpu", seed=1), dfdx.Cpu)
    assert not isinstance(dfdx.device("null"), dfdx.Cpu)


def _callables() -> list[str]:
    lib = assemble._Library()
    return sorted(n for n, f in lib.methods.items() if ops.rule_of(f, lib.specs) in ops.TABLES)


@pytest.mark.parametrize("name", _callables())
def test_callable_objects_take_what_the_methods_take(name: str) -> None:
    """`x.sum` is an object in the stubs: the union of the parameters of its overloads is the method's."""
    lib = assemble._Library()
    function = lib.methods[name]
    table = ops.TABLES[ops.rule_of(function, lib.specs)]
    text = table.classes(assemble.STD, function)[table.class_name(function.__name__)]
    given = {p for line in text.splitlines() if "def __call__" in line for p in _names(line)}
    assert given == set(list(inspect.signature(function).parameters)[1:])


def _names(line: str) -> list[str]:
    """Parameter names of a `def` line, self apart."""
    depth, word, out = 0, "", []
    for c in line[line.index("(") + 1 : line.rindex(") ->")]:
        depth += (c in "[(") - (c in "])")
        if c == "," and not depth:
            out.append(word)
            word = ""
        else:
            word += c
    names = [w.split(":")[0].strip() for w in [*out, word]]
    return [n for n in names if n not in ("self", "*", "/")]
