"""The wheel and the sdist, imported as a stranger would; and the rules that keep the tree readable."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import dfdx

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ["core", "backends", "nn", "optim", "data", "utils", "cli", "bench"]
MAY_IMPORT = {
    "core": {"core"}, "backends": {"backends", "core"}, "nn": {"nn", "core"}, "optim": {"optim", "nn", "core"},
    "data": {"data", "core", "utils"}, "utils": {"utils", "core"}, "cli": set(LAYERS) | {"conformance"}, "bench": {"bench"},
}  # fmt: skip


def files(*folders):
    return [p for f in folders for p in sorted((ROOT / f).rglob("*.py"))]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


def test_wheel_and_sdist_hold_the_same_library(built):
    wheel, sdist = built
    inside = set(zipfile.ZipFile(wheel).namelist())
    expected = {f"dfdx/{p.relative_to(ROOT).as_posix()}" for p in files(*LAYERS)}
    expected |= {
        f"dfdx/conformance/{p.relative_to(ROOT / 'tests/conformance').as_posix()}" for p in files("tests/conformance")
    }
    expected |= {
        "dfdx/__init__.py",
        "dfdx/__main__.py",
        "dfdx/py.typed",
        "dfdx/data/digits.csv.gz",
        "dfdx/data/digits.md",
    }
    expected |= {f"dfdx/{p.relative_to(ROOT).as_posix()}" for p in (ROOT / "cli" / "templates").rglob("*.in")}
    assert expected <= inside, sorted(expected - inside)
    assert not [n for n in inside if not n.startswith(("dfdx/", "dfdx-"))]
    with tarfile.open(sdist) as t:
        names = {n.partition("/")[2] for n in t.getnames()}
    missing = {p.relative_to(ROOT).as_posix() for p in files(*LAYERS, "tests", "tools")} - names
    assert not missing, sorted(missing)
    assert "pyproject.toml" in names and not [n for n in names if n.startswith(".editable")]


def test_the_wheel_is_the_same_byte_for_byte_from_sdist_and_checkout(built, tmp_path):
    """`built` made its wheel from the sdist; this one is made from the checkout, in another folder, at another time."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (again,) = tmp_path.glob("*.whl")
    one, two = zipfile.ZipFile(built[0]), zipfile.ZipFile(again)
    assert set(one.namelist()) == set(two.namelist())
    assert [n for n in one.namelist() if one.read(n) != two.read(n)] == []
    assert built[0].read_bytes() == again.read_bytes()


def test_the_wheel_works_in_a_clean_environment(built, tmp_path):
    """Dependencies come from this environment's site-packages; dfdx itself from the wheel alone."""
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    with zipfile.ZipFile(built[0]) as z:
        z.extractall(site)
    outside = [p for p in sys.path if p.endswith("site-packages")]
    (site / "outside.pth").write_text(f"import sys; sys.path.extend({outside!r})\n")
    code = "import dfdx, sys; print(dfdx.__file__); assert sum(1 for m in sys.modules.values() if getattr(m, '__file__', '') and str(m.__file__).endswith('core/tensor.py')) == 1; print(dfdx.device('cpu').ones((2,)).tolist(), len(dfdx.data.digits()))"
    done = subprocess.run(
        [python, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout and "[1.0, 1.0] 1437" in done.stdout


def test_import_loads_no_backend_and_one_copy():
    code = "import sys, dfdx; bad = [m for m in sys.modules if m.startswith(('dfdx.backends', 'dfdx.nn', 'dfdx.cli', 'cupy', 'pyopencl', 'llvmlite', 'tqdm', 'safetensors', 'core', 'torch'))]; assert not bad, bad"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_checkout_itself_is_refused():
    done = subprocess.run(
        [sys.executable, "-c", f"import {ROOT.name}"], capture_output=True, text=True, cwd=ROOT.parent
    )
    assert done.returncode != 0 and ("not as 'dfdx'" in done.stderr or ROOT.name == "dfdx")


def test_no_file_is_too_long():
    long = {
        p.relative_to(ROOT).as_posix(): n
        for p in files(*LAYERS, "tests", "tools", "examples")
        if (n := len(p.read_text().splitlines())) > 600
    }
    assert not long


def test_no_function_is_too_long():
    long = []
    for p in files(*LAYERS):
        for node in ast.walk(ast.parse(p.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno - node.lineno > 80:
                long.append(f"{p.name}:{node.name} ({node.end_lineno - node.lineno})")
    assert not long


def test_no_root_name_is_the_standard_librarys():
    roots = {
        p.stem
        for p in ROOT.iterdir()
        if (p.is_dir() and (p / "__init__.py").exists()) or (p.suffix == ".py" and p.stem[0] != "_")
    }
    assert not roots & set(sys.stdlib_module_names)


def test_imports_go_downwards():
    bad = []
    for p in files(*LAYERS):
        parts = p.relative_to(ROOT).parts
        for node in ast.walk(ast.parse(p.read_text())):
            if (
                isinstance(node, ast.ImportFrom)
                and node.level
                and (node.level == len(parts) or node.level > len(parts))
            ):
                targets = [node.module.partition(".")[0]] if node.module else [a.name for a in node.names]
                allowed = {*MAY_IMPORT[parts[0]], *(dfdx.__all__ if parts[0] == "cli" else ())}  # as a user's program
                bad += [f"{p.relative_to(ROOT)} imports {t}" for t in targets if t not in allowed]
            if (
                isinstance(node, ast.ImportFrom)
                and parts[0] == "backends"
                and node.module
                and node.module.startswith("core")
                and node.level
                and node.module != "core.contract"
            ):
                bad.append(f"{p.relative_to(ROOT)} imports {node.module}")
    assert not bad


@pytest.mark.parametrize("home", ["", "nn", "optim", "losses", "data", "utils"])
def test_public_names_are_documented_and_at_home(home):
    import importlib
    import inspect

    getattr(dfdx, home) if home else None
    module = importlib.import_module(f"dfdx.{home}" if home else "dfdx")
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), f"{home}.{name} has no docstring"
        if inspect.isclass(thing) and not home:
            assert thing.__module__ == "dfdx", f"{name} lives in {thing.__module__}"


# names without an example: types that programs name but do not make, what needs files
PLAIN = {
    "NoTape", "OwnedTape", "TapeState", "Cpu", "Cuda", "OpenCL", "DType", "Tape", "Channels", "Features", "Ids", "Profile", "mnist",
    "read_idx",
}  # fmt: skip


@pytest.mark.parametrize("home", ["", "nn", "optim", "losses", "data", "utils"])
def test_public_names_have_an_example(home):
    import inspect

    module = getattr(dfdx, home) if home else dfdx
    missing = []
    for name in set(module.__all__) - PLAIN:
        thing = getattr(module, name)
        data = inspect.isclass(thing) and issubclass(thing, (BaseException, dfdx.DType))
        if (
            (inspect.isclass(thing) or inspect.isfunction(thing))
            and not data
            and ">>>" not in str(inspect.getdoc(thing))
        ):
            members = vars(thing).values() if inspect.isclass(thing) else ()
            if not any(">>>" in str(getattr(m, "__doc__", "")) for m in members):
                missing.append(name)
    assert not missing


OPTIONAL = {"cupy", "pyopencl", "mypy", "onnx"}  # packages of extras, without which some modules cannot be imported


def test_doctests():
    import doctest
    import importlib
    import pkgutil
    from importlib.util import find_spec

    failed, tried = 0, 0
    for info in pkgutil.walk_packages(dfdx.__path__, "dfdx."):
        if ".conformance." in info.name or info.name.endswith("__main__"):
            continue
        try:
            module = importlib.import_module(info.name)
        except ModuleNotFoundError as e:
            assert e.name in OPTIONAL, e
            continue
        for test in doctest.DocTestFinder().find(module):
            if test.name == "dfdx.nn.torch_state_dict" and find_spec("torch") is None:
                continue  # it makes PyTorch's tensors
            result = doctest.DocTestRunner().run(test)
            failed, tried = failed + result.failed, tried + result.attempted
    for function in dfdx.core.ops._define.FUNCTIONS.values():  # published functions live in "dfdx"
        for test in doctest.DocTestFinder(recurse=False).find(function, globs={}):
            result = doctest.DocTestRunner().run(test)
            failed, tried = failed + result.failed, tried + result.attempted
    assert not failed and tried > 600


def test_one_version():
    import re
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.M)
    assert cited and dfdx.__version__ == project["version"] == cited.group(1)
