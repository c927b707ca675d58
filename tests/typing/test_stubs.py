"""The stub files are those that the library gives now."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dfdx
from dfdx import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from stubs import assemble  # noqa: E402


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


def test_stubs_and_code_agree() -> None:
    """mypy's stubtest, but for what tools/stubs/allowed.py allows for a reason."""
    pytest.importorskip("mypy")
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "compare_stubs.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _objects() -> list[tuple[str, ast.ClassDef, object, int]]:
    """(name, class of the object in the stubs, the function that it stands for, how many parameters come before)."""
    tree = ast.parse((ROOT / "core" / "static" / "std" / "__init__.pyi").read_text("utf-8"))
    classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    out: list[tuple[str, ast.ClassDef, object, int]] = []
    for owner in (dfdx.Tensor, dfdx.Device):
        for node in classes[owner.__name__].body:
            if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Subscript) and node.decorator_list:
                cls = classes.get(ast.unparse(node.returns.value))
                if cls is not None and any(getattr(n, "name", "") == "__call__" for n in cls.body):
                    out.append((f"{owner.__name__}.{node.name}", cls, getattr(owner, node.name), 1))
    for item in tree.body:
        if isinstance(item, ast.AnnAssign) and (cls := classes.get(ast.unparse(item.annotation))) is not None:
            name = ast.unparse(item.target)
            out.append((name, cls, getattr(dfdx, name), 0))
    return out


OBJECTS = _objects()


def test_callable_objects_are_found() -> None:
    names = {name for name, *_ in OBJECTS}
    assert {"Tensor.sum", "Tensor.reshape", "Device.zeros", "softmax", "broadcast_to"} <= names and len(names) > 50


@pytest.mark.parametrize(("name", "cls", "function", "skip"), OBJECTS, ids=[o[0] for o in OBJECTS])
def test_callable_objects_take_what_the_functions_take(name: str, cls: ast.ClassDef, function: Any, skip: int) -> None:
    """`x.sum` is an object in the stubs: its overloads take the method's parameters, in order, where they may stand."""
    real = {p.name: p for p in list(inspect.signature(function).parameters.values())[skip:]}
    seen: set[str] = set()
    for node in cls.body:
        if not (isinstance(node, ast.FunctionDef) and node.name == "__call__"):
            continue
        placed, named = [a.arg for a in node.args.args[1:]], [a.arg for a in node.args.kwonlyargs]
        left = [a.arg for a in node.args.args[len(node.args.args) - len(node.args.defaults) :]]
        left += [a for a, d in zip(named, node.args.kw_defaults, strict=True) if d is not None]
        assert set(placed + named) <= set(real), ast.unparse(node)
        may_stand = [p for p in real if real[p].kind is not inspect.Parameter.KEYWORD_ONLY]
        assert placed == may_stand[: len(placed)], ast.unparse(node)
        assert all(real[p].default is not inspect.Parameter.empty for p in left), ast.unparse(node)
        needed = {n for n, p in real.items() if p.default is inspect.Parameter.empty}
        assert needed <= set(placed + named), ast.unparse(node)
        seen |= set(placed + named)
    assert seen == set(real)
