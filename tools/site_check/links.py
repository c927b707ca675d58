"""Links of a built site: each one leads to a file that is there, each anchor to an id on its page, and no page loads from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
}  # what a browser fetches by itself


class Page(HTMLParser):
    """The ids of a page, where its links lead, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = dict(attrs)
        self.ids |= {str(v) for k, v in attrs if k in ("id", "name") and v}
        if tag == "a" and a.get("href"):
            self.links.append(str(a["href"]))
        elif tag in LOADED and a.get(LOADED[tag]) and a.get("rel") != "canonical":
            self.loads.append(str(a[LOADED[tag]]))


def broken_links(site: Path) -> Iterator[str]:
    """A line for each link, anchor or resource of the pages under `site` that is not there, or that another server would have to give."""
    pages = {p.resolve(): Page(p.read_text(encoding="utf-8")) for p in site.rglob("*.html")}
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        if name.name == "404.html":  # its links are absolute: it may be shown at any address
            continue
        yield from (f"{name}: loads {url} from elsewhere" for url in page.loads if urlsplit(url).netloc)
        for url in (*page.links, *page.loads):
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{name}: {url} leads nowhere"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                yield f"{name}: {url} has no such anchor"
