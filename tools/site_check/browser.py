"""What a browser says of a built site: Chromium without a window, told what to do through two pipes.

Source: the Chrome DevTools Protocol; `--remote-debugging-pipe` reads file descriptor 3 and writes descriptor 4, messages end in NUL.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from select import select
from threading import Thread
from typing import Any

WIDTHS = (400, 1400)
PATIENCE = 60.0  # seconds without a word from the browser
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)


def find_browser() -> str | None:
    """The path of a Chromium, or None; it is spoken to through inherited pipes, which Windows has not got."""
    if sys.platform == "win32":
        return None
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One tab. `call` sends a command and waits for its answer; what happens meanwhile is kept in `events`."""

    def __init__(self, program: str, profile: str) -> None:
        read, self._to = os.pipe()
        self._from, write = os.pipe()
        script = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'  # the shell puts the pipes where Chromium looks for them
        command = [
            "bash",
            "-c",
            script,
            "-",
            str(read),
            str(write),
            program,
            *FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        self._process = subprocess.Popen(
            command, pass_fds=(read, write), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        os.close(read)
        os.close(write)
        self._id, self._rest, self.events, self._session = 0, b"", list[dict[str, Any]](), {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._id += 1
        os.write(
            self._to, json.dumps({"id": self._id, "method": method, "params": params} | self._session).encode() + b"\0"
        )
        while (message := self._message()).get("id") != self._id:
            self.events.append(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']['message']}")
        return message["result"]  # type: ignore[no-any-return]

    def wait(self, method: str) -> None:
        """Read until an event of this name has come since `events` was emptied."""
        while not any(e.get("method") == method for e in self.events):
            self.events.append(self._message())

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select([self._from], [], [], PATIENCE)
            got = os.read(self._from, 1 << 16) if ready else b""
            if not got:
                raise RuntimeError("the browser has ended" if ready else f"the browser said nothing for {PATIENCE} s")
            self._rest += got
        text, _, self._rest = self._rest.partition(b"\0")
        return json.loads(text)  # type: ignore[no-any-return]

    def close(self) -> None:
        with suppress(RuntimeError, BrokenPipeError):
            self._session = {}
            self.call("Browser.close")
        self._process.wait(20)


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """The address at which the folder is served while the block runs."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def complaints(site: Path, program: str, pictures: Path | None = None) -> Iterator[str]:
    """Open every page, and see it at every width; a line for each console error, failed or foreign request, and page that is too wide.

    * `pictures`: a folder for one PNG per page and width.
    """
    with serving(site) as address, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            for page in sorted(site.rglob("*.html")):
                name = page.relative_to(site).as_posix().removesuffix("index.html")
                yield from (f"{name or 'index'}: {c}" for c in _open(browser, address, name))
                for width in WIDTHS:
                    wide = _width(browser, width)
                    if wide > width:
                        yield f"{name or 'index'}: is {wide} pixels wide in a window of {width}"
                    if pictures is not None:
                        _picture(browser, pictures / f"{name.strip('/').replace('/', '-') or 'index'}-{width}.png")
        finally:
            browser.close()


def _width(browser: Browser, width: int) -> int:
    """How wide a page is in a window of this width."""
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    return int(browser.call("Runtime.evaluate", expression="document.scrollingElement.scrollWidth")["result"]["value"])


def _open(browser: Browser, address: str, name: str) -> Iterator[str]:
    """What goes wrong when a page is opened."""
    browser.events.clear()
    browser.call("Page.navigate", url=address + name)
    browser.wait("Page.loadEventFired")
    for event in browser.events:
        p = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                yield f"exception: {p['exceptionDetails']}"
            case "Runtime.consoleAPICalled" if p["type"] in ("error", "warning", "assert"):
                yield f"console: {p['args']}"
            case "Log.entryAdded" if p["entry"]["level"] in ("error", "warning"):
                yield f"log: {p['entry']['text']} {p['entry'].get('url', '')}"
            case "Network.requestWillBeSent" if not p["request"]["url"].startswith((address, "data:", "blob:")):
                yield f"asks another server: {p['request']['url']}"
            case "Network.loadingFailed" if not p.get("canceled"):
                yield f"request failed: {p['errorText']}"
            case "Network.responseReceived" if p["response"]["status"] >= 400:
                yield f"{p['response']['status']}: {p['response']['url']}"


def _picture(browser: Browser, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height = browser.call("Runtime.evaluate", expression="document.scrollingElement.scrollHeight")["result"]["value"]
    clip = {"x": 0, "y": 0, "width": 1, "height": 1, "scale": 1}
    clip["width"] = browser.call("Runtime.evaluate", expression="innerWidth")["result"]["value"]
    clip["height"] = min(height, 6000)
    shot = browser.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
    path.write_bytes(base64.b64decode(shot["data"]))
