"""What the service refuses, by the status of its answer. Anything else that a caller can put right is a plain ForetellError: 422."""

from __future__ import annotations

from typing import ClassVar

from foretell.errors import ForetellError


class Refused(ForetellError):
    """A request that is refused; `field` names the part of it that is at fault, as a path such as `settings.epochs`."""

    status: ClassVar[int] = 400

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Unknown(Refused):
    """Who asks is not known."""

    status = 401


class Forbidden(Refused):
    """Who asks may not."""

    status = 403


class Absent(Refused):
    """What is asked for is not there."""

    status = 404


class NotWritten(Refused):
    """What the Accept header wants is nothing that this can be written as."""

    status = 406


class InTheWay(Refused):
    """The state of something else does not allow it."""

    status = 409


class TooLarge(Refused):
    """The request's body is larger than the limit."""

    status = 413


class NotThisKind(Refused):
    """The body's content type is none that is taken here."""

    status = 415


class Misdirected(Refused):
    """The Host header names no host that this server is."""

    status = 421


class Invalid(Refused):
    """A value of the request is wrong."""

    status = 422


class TooMany(Refused):
    """More requests than the limit allows."""

    status = 429


class Late(Refused):
    """What was asked is not ready in time."""

    status = 503
