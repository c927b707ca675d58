"""The documentation builds without a warning; its links lead somewhere; a browser has nothing to complain of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason='pip install "dfdx[docs]"')
ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))
from site_check.browser import complaints, find_browser  # noqa: E402
from site_check.links import broken_links  # noqa: E402


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, without running the examples: tests/examples does."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        capture_output=True, text=True, cwd=ROOT, env=os.environ | {"DFDX_DOCS_RUN": "0", "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_the_pages_are_there(site):
    for page in ("index", "tape/index", "tutorial/04_tape/index", "reference/dfdx-nn/index", "reports/index"):
        assert (site / f"{page}.html").exists()


def test_the_reference_shows_signatures_and_shapes(site):
    text = (site / "reference/dfdx/index.html").read_text(encoding="utf-8")
    assert "with_empty_tape" in text and "f32[2, 3], f32[3, 4] -&gt; f32[2, 4]" in text
    modules = (site / "reference/dfdx-nn/index.html").read_text(encoding="utf-8")
    assert "f32[5, 3] -&gt; f32[5, 4]" in modules and 'id="moduleto_dtype"' in modules


def test_every_link_leads_somewhere(site):
    assert not list(broken_links(site))


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html#there">b</a> <a href="b.html#gone">b</a> <a href="c.html">c</a>')
    (tmp_path / "b.html").write_text('<p id="there"></p><script src="https://example.com/x.js"></script>')
    found = sorted(broken_links(tmp_path))
    assert [line.split()[1:] for line in found] == [
        ["b.html#gone", "has", "no", "such", "anchor"], ["c.html", "leads", "nowhere"],
        ["loads", "https://example.com/x.js", "from", "elsewhere"],
    ]  # fmt: skip


browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium on the PATH")


@browser
@pytest.mark.slow
def test_a_browser_has_nothing_to_complain_of(site):
    assert not list(complaints(site, find_browser()))


@browser
def test_what_a_browser_complains_of_is_seen(tmp_path):
    (tmp_path / "a.html").write_text('<div style="width: 500px">wide</div><script>no_such_function()</script>')
    (tmp_path / "b.html").write_text('<img src="gone.png"><script>console.error("oh")</script>')
    found = list(complaints(tmp_path, find_browser()))
    for page, words in (("a", "no_such_function"), ("a", "wide in a window of 400"), ("b", "404"), ("b", "console: ")):
        assert any(line.startswith(f"{page}.html") and words in line for line in found), found
