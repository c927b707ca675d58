"""Every Python block of README and docs runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope: dict = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(page), "exec"), scope)


def test_the_two_commands_are_there():
    text = PAGES[0].read_text(encoding="utf-8")
    assert (
        "\npip install . && python -m dfdx demo\n" in text and '\npip install ".[test]" && python -m pytest\n' in text
    )


def test_every_dependency_has_its_reason():
    import tomllib

    text = PAGES[0].read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        name = re.match(r"[\w-]+", requirement).group()
        assert f"| {name} |" in text, f"README does not defend {name}"


def test_every_link_and_extra_of_the_readme_is_there():
    import tomllib

    text = PAGES[0].read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert len(links) > 10 and not [link for link in links if not (ROOT / link).exists()]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert not [extra for extra in extras if f"`{extra}`" not in text and f"dfdx[{extra}]" not in text]
