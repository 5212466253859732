"""Notices to people: a webhook of an allowed host, a mail. What cannot be sent is logged, and stops nothing."""

from __future__ import annotations

import json
import logging
import os
import smtplib
from collections.abc import Collection
from dataclasses import dataclass
from email.message import EmailMessage
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Annotated, Final
from urllib.parse import urlsplit

from foretell.errors import ForetellError
from foretell.system.typed import Within

logger = logging.getLogger(__name__)

_WAIT: Final = 10.0  # seconds for an answer
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A server that mails are sent by. Its password is in the environment: FORETELL_MAIL_PASSWORD."""

    host: str
    sender: str
    port: Annotated[int, Within(1, 65535)] = 587
    user: str | None = None
    starttls: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Who is told."""

    webhook: str | None = None
    mail: tuple[str, ...] = ()  # addresses

    def check(self, hosts: Collection[str], mail: Mail | None) -> None:
        """Raises ForetellError for a webhook of a host that is not allowed, and for mail where no server is configured."""
        if self.webhook is not None:
            _address(self.webhook, hosts)
        if self.mail and mail is None:
            raise ForetellError(
                "notify.mail: the configuration names no mail server. Add a table [mail] with host and sender."
            )
        for address in self.mail:
            if "@" not in address or not address.isprintable() or any(c in address for c in " ,;<>"):
                raise ForetellError(f"notify.mail: {address!r} is no address. Write it as name@host.")


def send_notice(
    notify: Notify, subject: str, text: str, *, hosts: Collection[str], mail: Mail | None
) -> list[str]:
    """Tell all of them; what could not be sent, and why."""
    failed = []
    if notify.webhook is not None:
        try:
            _post(notify.webhook, {"subject": subject, "text": text}, hosts)
        except (OSError, HTTPException, ForetellError) as error:
            failed.append(f"webhook: {error}")
    if notify.mail and mail is not None:
        try:
            _mail(mail, notify.mail, subject, text)
        except (OSError, smtplib.SMTPException) as error:
            failed.append(f"mail: {error}")
    for each in failed:
        logger.warning("a notice could not be sent by %s", each)
    return failed


def _address(url: str, hosts: Collection[str]) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of a webhook; raises ForetellError where it must not be called."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ForetellError(f"notify.webhook: {url!r} is no address: {error}") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise ForetellError(f"notify.webhook must begin with https://, got {url!r}")
    if host not in hosts:
        known = ", ".join(sorted(hosts)) or "none"
        raise ForetellError(
            f"notify.webhook: {host!r} is no allowed host. The configuration's hooks allow: {known}."
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path


def _post(url: str, body: dict[str, str], hosts: Collection[str]) -> None:
    """No redirect is followed: it could lead to a host that is not allowed."""
    scheme, host, port, path = _address(url, hosts)
    kind = HTTPSConnection if scheme == "https" else HTTPConnection
    connection = kind(host, port, timeout=_WAIT)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        status = connection.getresponse().status
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise ForetellError(f"{host} answered {status}")


def _mail(mail: Mail, to: tuple[str, ...], subject: str, text: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = mail.sender, ", ".join(to), " ".join(subject.split())
    message.set_content(text)
    with smtplib.SMTP(mail.host, mail.port, timeout=_WAIT) as server:
        if mail.starttls:
            server.starttls()
        if mail.user is not None:
            server.login(mail.user, os.environ.get("FORETELL_MAIL_PASSWORD", ""))
        server.send_message(message)
