"""Notices: only to hosts that are allowed, and what fails stops nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from foretell.errors import ForetellError
from foretell.system.notices import Mail, Notify, send_notice


@contextmanager
def answering(status: int, **headers: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that answers so, and what it was sent."""
    heard: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_webhook_is_sent_subject_and_text() -> None:
    with answering(204) as (url, heard):
        assert send_notice(Notify(webhook=url), "weekly", "stopped", hosts=["127.0.0.1"], mail=None) == []
    assert heard == [{"subject": "weekly", "text": "stopped"}]


def test_no_redirect_is_followed() -> None:
    with answering(204) as (url, heard), answering(307, Location=url) as (first, _):
        failed = send_notice(Notify(webhook=first), "weekly", "stopped", hosts=["127.0.0.1"], mail=None)
    assert failed == ["webhook: 127.0.0.1 answered 307"]
    assert heard == []


def test_a_server_that_is_away_is_said_and_raises_nothing() -> None:
    mail = Mail(host="127.0.0.1", port=1, sender="a@b")
    notify = Notify(webhook="http://127.0.0.1:1/", mail=("c@d",))
    failed = send_notice(notify, "weekly", "stopped", hosts=["127.0.0.1"], mail=mail)
    assert [each.partition(":")[0] for each in failed] == ["webhook", "mail"]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "https://other.example/",
        "file:///etc/passwd",
        "https://hooks.example@evil/",
        "https://[",
        "https://hooks.example:x/",
    ],
)
def test_a_host_that_is_not_allowed_is_refused(url: str) -> None:
    with pytest.raises(ForetellError, match=r"notify\.webhook"):
        Notify(webhook=url).check(["hooks.example"], None)


@pytest.mark.parametrize("address", ["planner", "a@b, c@d", "a@b\nBcc: c@d", "<a@b>"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ForetellError, match="no address"):
        Notify(mail=(address,)).check([], Mail(host="smtp", sender="a@b"))


def test_mail_without_a_server_is_refused() -> None:
    with pytest.raises(ForetellError, match="names no mail server"):
        Notify(mail=("a@b",)).check([], None)
