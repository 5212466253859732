"""Files of a form to uploads, as the API's route keeps them."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from pathlib import PurePath
from typing import Final

from fastapi import Request
from starlette.datastructures import UploadFile

from foretell.service.asking import server_of
from foretell.service.identifiers import new_id
from foretell.service.page.asking import Form
from foretell.service.refusals import NotThisKind
from foretell.service.routes.uploads import ENDINGS, enter
from foretell.service.schemas.datasets import Source

_KINDS: Final = frozenset(ENDINGS.values())


def sources_in(request: Request, form: Form, name: str) -> tuple[Source, ...]:
    """The files of a field, kept; raises NotThisKind for one that is no table by its name."""
    sent = [each for each in form.sent.getlist(name) if isinstance(each, UploadFile) and each.filename]
    return tuple(_kept(request, form, each) for each in sent)


def _kept(request: Request, form: Form, sent: UploadFile) -> Source:
    server = server_of(request)
    kind = PurePath(sent.filename or "").suffix.lower().removeprefix(".")
    if kind not in _KINDS:
        raise NotThisKind(
            f"{sent.filename!r} is none of: {', '.join(sorted(_KINDS))}. Save the table as one of them."
        )
    identifier = new_id("up")
    path, partial = (
        server.home.uploads / f"{identifier}.{kind}",
        server.home.uploads / f".{secrets.token_hex(8)}.part",
    )
    try:
        with partial.open("xb") as file:
            shutil.copyfileobj(sent.file, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    row = {"id": identifier, "name": path.name, "bytes": size, "sha256": digest}
    enter(server, form.who, row, request.state.request_id)
    return Source(upload=identifier)
