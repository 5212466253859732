"""A Chromium of the tests' own, told what to do over its debugging pipe: pages, clicks, pictures, and what it complained about."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

PROGRAM: Final = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
_PATIENCE: Final = 180.0  # seconds: two busy cores


class Tab:
    """One tab. `complaints` are errors of its console, refused loads and exceptions; `asked` the addresses that it fetched."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._buffer, self._number = write, read, b"", 0
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self._loaded = False
        target = self._send("Target.createTarget", {"url": "about:blank"}, session=None)["targetId"]
        attached = self._send("Target.attachToTarget", {"targetId": target, "flatten": True}, session=None)
        self._session: str | None = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable", {})

    def go(self, address: str) -> None:
        """Open an address, and wait until it is there."""
        self._loaded = False
        self._send("Page.navigate", {"url": address})
        self.wait_loaded()

    def wait_loaded(self) -> None:
        """Until the page that was asked for is there."""
        until = time.monotonic() + _PATIENCE
        while not self._loaded and time.monotonic() < until:
            self.value("1")
            time.sleep(0.05)
        assert self._loaded, "the page did not come"

    def value(self, script: str) -> Any:
        """What an expression of JavaScript gives."""
        answer = self._send(
            "Runtime.evaluate", {"expression": script, "returnByValue": True, "awaitPromise": True}
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def submit(self, selector: str) -> None:
        """Click a button or a link that leads to another page, and wait for that."""
        self._loaded = False
        assert self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e?.click(); return !!e; }})()"
        ), selector
        self.wait_loaded()

    def until(self, script: str) -> Any:
        """Wait until an expression is true, and give it."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            found = self.value(f"!!({script})")
            if found:
                return found
            time.sleep(0.2)
        raise AssertionError(f"never: {script}; {self.value('document.body.innerText')[:1500]}")

    def choose(self, selector: str, *files: Path) -> None:
        """Choose files in a field."""
        root = self._send("DOM.getDocument", {})["root"]["nodeId"]
        node = self._send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
        self._send("DOM.setFileInputFiles", {"nodeId": node, "files": [str(file) for file in files]})

    def press(self, key: str) -> None:
        """Press a key."""
        codes = {"Tab": 9, "Enter": 13}
        told = {
            "key": key,
            "code": key,
            "windowsVirtualKeyCode": codes[key],
            **({"text": "\r"} if key == "Enter" else {}),
        }
        self._send("Input.dispatchKeyEvent", {"type": "keyDown", **told})
        self._send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "code": key})

    def sized(self, width: int, height: int = 900) -> None:
        """Have the window that wide."""
        self._send(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700},
        )

    def scripts(self, on: bool) -> None:
        """Whether scripts of pages run."""
        self._send("Emulation.setScriptExecutionDisabled", {"value": not on})

    def dark(self, on: bool) -> None:
        """Whether the person likes it dark."""
        wish = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        self._send("Emulation.setEmulatedMedia", {"features": [wish]})

    def picture(self, path: Path) -> None:
        """The whole page as PNG."""
        taken = self._send("Page.captureScreenshot", {"captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(taken["data"]))

    def _send(self, method: str, told: dict[str, Any], *, session: str | None = "own") -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": told}
        if session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._number:
                assert "error" not in heard, f"{method}: {heard['error']}"
                return heard["result"]
            self._note(heard)

    def _hear(self) -> Any:
        while b"\0" not in self._buffer:
            block = os.read(self._read, 1 << 20)
            assert block, "the browser ended"
            self._buffer += block
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        name, told = event.get("method"), event.get("params", {})
        if name == "Page.loadEventFired":
            self._loaded = True
        elif name == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        elif name == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(told["entry"]["text"])
        elif name == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"].get("text")))


@contextmanager
def tab(folder: Path) -> Iterator[Tab]:
    """A tab of a browser that keeps what it has in `folder`, and ends with the block."""
    assert PROGRAM is not None
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    words = [
        PROGRAM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
    ]
    words += [
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        f"--user-data-dir={folder}",
        "--remote-debugging-pipe",
    ]

    def numbered() -> None:  # the browser reads from 3 and writes to 4
        low, high = os.dup(to_read), os.dup(from_write)
        os.dup2(low, 3)
        os.dup2(high, 4)

    browser = subprocess.Popen(
        words, preexec_fn=numbered, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(to_read)
    os.close(from_write)
    try:
        yield Tab(to_write, from_read)
    finally:
        os.close(to_write)
        browser.terminate()
        browser.wait(30)
        os.close(from_read)
