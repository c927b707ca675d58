"""Good programs, which every checker accepts and Python runs, and bad ones, which each rejects on the line marked `# BAD`."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import runpy
import sys
import traceback
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import dfdx

ROOT = Path(__file__).resolve().parents[2]
# rows of section 10 of the reference that hold here and that a static check can see
ROWS = {
    1, 2, 4, 6, 7, 13, 14, 15, 16, 24, 25, 26, 27, 28, 30, 31, 32, 35, 36, 37, 40, 41, 42, 45, 46, 48, 50, 51, 53, 55, 57, 59, 60,
    63, 64, 67, 76, 78, 79, 81, 83, 84, 87, 90, 91, 92, 93, 95, 98, 99, 101, 104, 106, 109, 110, 113, 114, 115, 117, 119, 120, 121,
    122, 126, 135,
}  # fmt: skip


def _matrix() -> ModuleType:
    spec = importlib.util.spec_from_file_location("typing_matrix", ROOT / "tools" / "typing_matrix.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


matrix = _matrix()
GOOD, BAD = matrix.programs("good"), matrix.programs("bad")


@cache
def checked(name: str) -> Any:
    """The run of one checker over all programs, once."""
    return matrix.run(name)


needs = pytest.mark.parametrize("checker", matrix.CHECKERS)


def _skip_unless_installed(checker: str) -> None:
    if checker not in matrix.installed():
        pytest.skip(f"{checker} is not installed")


@needs
def test_no_false_alarms(checker: str) -> None:
    _skip_unless_installed(checker)
    assert matrix.strays(checked(checker)) == []


@needs
def test_bad_programs_are_rejected(checker: str) -> None:
    _skip_unless_installed(checker)
    missed = [p.stem for p in BAD if not matrix.caught(checked(checker), p)]
    share = 118 / 120 if checker == "mypy+plugin" else 105 / 120
    assert len(BAD) - len(missed) >= share * len(BAD), f"{checker} accepts {missed}"


def _plain(text: str) -> str:
    """`Tensor[tuple[Literal[64]], ...]` and pyrefly's `Tensor[[64], ...]` as `Tensor[Rank1[L[64]], ...]`."""
    text = re.sub(r"Literal\[(\d+)\]", r"\1", text).replace("tuple[()]", "tuple[]")

    def shape(found: re.Match[str]) -> str:
        dims = [f"L[{d}]" for d in found[1].split(", ") if d]
        return f"Tensor[Rank{len(dims)}" + (f"[{', '.join(dims)}]" if dims else "")

    return re.sub(r"Tensor\[(?:tuple)?\[([\d, ]*)\]", shape, text)


@needs
def test_hovers_are_short(checker: str) -> None:
    """What an editor shows names the dims, and fits a line."""
    _skip_unless_installed(checker)
    lines = (ROOT / "tests" / "typing" / "hovers.py").read_text("utf-8").splitlines()
    shown = checked(checker).revealed
    assert sorted(shown) == [i for i, line in enumerate(lines, 1) if line.startswith("reveal_type(")]
    assert max(map(len, shown.values())) <= 80
    wanted = {i: line.partition("  # ")[2] for i, line in enumerate(lines, 1) if "  # " in line}
    assert {i: _plain(shown[i]) for i in wanted} == wanted


def test_there_are_enough_programs() -> None:
    assert len(GOOD) >= 40 and len(BAD) >= 120
    assert all(len(matrix.marked(p)) == 1 for p in BAD)


def test_every_row_of_the_reference_has_a_program() -> None:
    rows = {int(m[1]) for p in BAD if (m := re.search(r"\(row (\d+) of the reference\)", p.read_text("utf-8")))}
    assert rows == ROWS


def _run(path: Path) -> BaseException | None:
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            runpy.run_path(str(path))
    except Exception as e:
        return e
    return None


@pytest.mark.parametrize("path", GOOD, ids=lambda p: p.stem)
def test_good_programs_run(path: Path) -> None:
    error = _run(path)
    if error is not None:
        raise error


@pytest.mark.parametrize("path", BAD, ids=lambda p: p.stem)
def test_bad_programs_raise_before_any_kernel(path: Path) -> None:
    """Where the fault is an operation, not an annotation, `# BAD: Error` names what it raises, from core and not from a backend."""
    lines = path.read_text("utf-8").splitlines()
    at, wanted = next((i, m[1]) for i, line in enumerate(lines, 1) if (m := re.search(r"# BAD(?:: (\w+))?", line)))
    error = _run(path)
    if wanted is None:
        assert error is None
        return
    assert type(error).__name__ == wanted
    assert isinstance(error, dfdx.DfdxError) or wanted in ("ValueError", "TypeError")
    frames = traceback.extract_tb(error.__traceback__)
    assert at in [f.lineno for f in frames if f.filename == str(path)]
    assert not [f.filename for f in frames if "backends" in Path(f.filename).parts]
