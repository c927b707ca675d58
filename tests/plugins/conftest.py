"""A fixture that installs plugins, as metadata and a module, where this process and its children find them."""

import importlib
import sys

import pytest

from dfdx.core.plugins.hookspecs import GROUP


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
