"""Plugins as metadata and a module beside this process (`install`), and as wheels in an environment of their own (`clean`)."""

import importlib
import json
import os
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dfdx.core.plugins.hookspecs import GROUP

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "examples" / "plugins"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """install(device, source) -> the module's name; `dist`, `group`, `value` (of the entry point) and `version` can be given."""
    made = []

    def _install(name, source, dist=None, group=GROUP, value=None, version="1.0"):
        dist = dist or f"dist-{name}".replace(":", "-")
        module = f"hostile_{dist.replace('-', '_')}_{len(made)}"
        made.append(module)
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{dist.replace('-', '_')}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n")
        with open(info / "entry_points.txt", "a") as f:
            f.write(f"[{group}]\n{name} = {value or module}\n")
        importlib.invalidate_caches()
        return module

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("DFDX_BLOCK", "torch,jax")  # slow to import, where they are installed
    yield _install
    for m in made:
        sys.modules.pop(m, None)


class Environment:
    """A virtual environment with dfdx and the plugins from wheels; NumPy, torch and jax are those of this interpreter."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / "env" / "bin" / "python"
        venv.create(folder / "env", with_pip=False, symlinks=True)
        self.site = Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
        self.pip(
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder / "wheels",
            ROOT,
            *sorted(p.parent for p in PLUGINS.glob("*/pyproject.toml")),
        )
        self.install(*sorted((folder / "wheels").glob("*.whl")))
        shared = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
        (self.site / "shared.pth").write_text(f"import sys; sys.path.extend({shared!r})\n")

    def pip(self, *arguments: object) -> None:
        done = subprocess.run([sys.executable, "-m", "pip", *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]

    def install(self, *what: object) -> None:
        self.pip("--python", self.python, "install", "-q", "--no-deps", *what)

    def run(self, *arguments: object, ok: bool = True, **env: str) -> str:
        clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DFDX_BLOCK", "DFDX_PLUGINS")}
        done = subprocess.run(
            [str(self.python), *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**clean, **env},
            cwd=self.python.parent,
        )
        assert done.returncode == 0 or not ok, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout

    def judged(self, device: str, *options: str, **env: str) -> dict:
        """The kit's report on a device, at level quick."""
        report = json.loads(
            self.run("-m", "dfdx", "conformance", device, "--level", "quick", "--json", *options, ok=False, **env)
        )
        return report

    def judged_in_parts(self, device: str, **env: str) -> list[dict]:
        """Reports that together are the whole kit, two at a time."""
        parts = ("ops", "primitives", "modules", "optimizers", "device")
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda part: self.judged(device, "--only", part, **env), parts))


@pytest.fixture(scope="session")
def clean(tmp_path_factory):
    return Environment(tmp_path_factory.mktemp("clean"))
