"""A headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1400,900",
)
SECONDS = 120.0
# GraphiQL's query editor parses what was typed a moment later; other editors have nothing of the kind
READ = "(cm => cm.documentAST === undefined || cm.documentAST?.loc?.source?.body === cm.getValue())({editor})"


class Tab:
    """One page: what it is told to do, and the events that it has reported."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = count(1)
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **parameters: Any) -> Any:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := json.loads(self._socket.recv(SECONDS))).get("id") != number:
            self.events.append(message)
        assert "error" not in message, message
        return message["result"]

    def evaluate(self, expression: str) -> Any:
        answer = self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression: str, is_right: Callable[[Any], bool] = bool) -> Any:
        """The expression's value, once it is right."""
        end = time.monotonic() + SECONDS
        while not is_right(value := self.evaluate(expression)):
            assert time.monotonic() < end, f"{expression} stayed {value!r}"
            time.sleep(0.1)
        return value

    def type_into(self, editor: str, text: str) -> None:
        """Replace what stands in a CodeMirror editor as a person would: select everything, and type."""
        self.evaluate(f"(cm => {{ cm.focus(); cm.execCommand('selectAll') }})({editor})")
        self.do("Input.insertText", text=text)
        self.until(READ.format(editor=editor))

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.do("Page.captureScreenshot")["data"]))

    def reported(self, method: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event.get("method") == method]


@contextmanager
def tab() -> Iterator[Tab]:
    """A new browser with a new profile, and its one tab."""
    program = shutil.which("chromium")
    assert program, "chromium is not installed: apt-get install chromium"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_address(Path(profile), browser), max_size=None) as socket:
                yield Tab(socket)
        finally:
            browser.terminate()
            browser.wait()


def _address(profile: Path, browser: subprocess.Popen[bytes]) -> str:
    told = profile / "DevToolsActivePort"
    end = time.monotonic() + SECONDS
    while not (told.exists() and told.read_text().count("\n")):
        assert browser.poll() is None and time.monotonic() < end, "chromium did not start"
        time.sleep(0.05)
    targets = httpx.get(f"http://127.0.0.1:{told.read_text().splitlines()[0]}/json/list", timeout=SECONDS).json()
    return str(next(one["webSocketDebuggerUrl"] for one in targets if one["type"] == "page"))
