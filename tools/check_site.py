"""Check a built site: `python tools/check_site.py build/site [--pictures DIR]`; links always, pages where Chromium is installed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from site_check.browser import complaints, find_browser
from site_check.links import broken_links


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--pictures", type=Path, help="a folder for a PNG of each page at 400 and 1400 pixels")
    options = parser.parse_args()
    program = find_browser()
    found = list(broken_links(options.site))
    if program:
        found += complaints(options.site, program, options.pictures)
    pages = sum(1 for _ in options.site.rglob("*.html"))
    how = "links, and pages in Chromium" if program else "links only: there is no Chromium"
    print(*found, f"{pages} pages, {len(found)} complaints ({how})", sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
