"""`new-backend`: the project it writes conforms, and a wrong kernel is named by the kit with a program that shows it."""

from __future__ import annotations

import pytest

import dfdx
from dfdx.cli.main import main
from dfdx.cli.new_backend import write_project

# file, what stands there, what is put instead, what the kit is asked for, and the check that must fail
FAULTS = [
    ("memory.py", "np.where(inside, wide, 0.0)", "np.where(inside, wide, 1.0)", "cast to i32", "forward"),
    ("memory.py", "philox_words(key, counter, count)", "philox_words(key, counter + 1, count)", "random_bits", "forward"),
    ("view.py", "slice(*cut)", "slice(*cut[:2])", "slice", "strided"),
    ("map.py", "return compile_map(program, shape, inplace)", "k = compile_map(program, shape, inplace); return lambda *xs: k(*xs[::-1])", "map", "forward"),
    ("reduce.py", '"max": np.maximum', '"max": np.fmax', "reduce", "forward"),
    ("matmul.py", "np.matmul(a.astype(wide, copy=False)", "np.matmul(a.astype(np.float16)", "matmul", "forward"),
    ("index.py", "np.add.at(out, places(index, axis), src.astype(wide))", "out[places(index, axis)] += src.astype(wide)", "primitives", "forward"),
    ("index.py", "return np.asarray(a[places(index, axis)])", "return np.asarray(a[places(index.clip(1), axis)])", "gather", ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def project(clean, tmp_path_factory):
    parent = tmp_path_factory.mktemp("new")
    clean.run("-m", "dfdx", "new-backend", "beta", "--out", parent)
    clean.install("--no-build-isolation", "-e", parent / "dfdx-beta")
    return parent / "dfdx-beta"


def test_it_conforms_on_its_first_day(clean, project):
    for report in clean.judged_in_parts("beta"):
        bad = [(f["name"], f["dtype"], f["sample"], f["check"], f["detail"]) for f in report["failures"]]
        assert report["verdict"] == "conforming", bad[:10]
        assert report["device"]["package"].startswith("dfdx-beta")


@pytest.mark.parametrize(("file", "right", "wrong", "only", "check"), FAULTS, ids=[f[3] for f in FAULTS])
def test_a_wrong_kernel_is_named(clean, project, file, right, wrong, only, check):
    path = project / "dfdx_beta" / file
    text = path.read_text()
    assert text.count(right) == 1
    path.write_text(text.replace(right, wrong))
    try:
        options = ("--level", "quick", "--only", only, "--first-failure")
        out = clean.run("-m", "dfdx", "conformance", "beta", *options, ok=False)
        (line,) = [line for line in out.splitlines() if line.startswith(("fail", "error"))]
        assert f"/{'scatter_add' if only == 'primitives' else only}" in line and f"/{check}" in line, line
        shown = clean.run("-c", out[out.index("import numpy as np\n") :], ok=False)
        assert "device:" in shown and "expected:" in shown
    finally:
        path.write_text(text)


def test_its_files(project):
    files = {
        p.relative_to(project).as_posix() for p in project.rglob("*") if p.is_file() and "__pycache__" not in p.parts
    }
    assert {
        "pyproject.toml",
        "README.md",
        ".gitignore",
        ".github/workflows/test.yml",
        "tests/test_conformance.py",
    } <= files
    assert {f"dfdx_beta/{n}.py" for n in ("plugin", "memory", "view", "map", "reduce", "matmul", "index")} <= files
    for name in files:
        assert not [m for m in ("@NAME@", "@VERSION@", "@NEXT@") if m in (project / name).read_text()], name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("two-words", "small letters"),
        ("2d", "small letters"),
        ("", "small letters"),
        ("cpu", "there is a device 'cpu' already, from dfdx"),
    ],
)
def test_names_that_are_refused(name, why, tmp_path):
    with pytest.raises(dfdx.PluginError, match=why):
        write_project(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_is_left_alone(tmp_path, capsys):
    (tmp_path / "dfdx-gamma").mkdir()
    assert main(["new-backend", "gamma", "--out", str(tmp_path)]) == 1
    assert "exists already: nothing was written" in capsys.readouterr().err and not list(
        (tmp_path / "dfdx-gamma").iterdir()
    )
