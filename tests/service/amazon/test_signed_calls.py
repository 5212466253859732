"""Keys for signatures: made by the command line, checked for each request, and only as good as their role."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell.service.amazon.asgi import AmazonApp
from foretell.service.amazon.installing import amazon_app
from foretell.service.amazon.keys import create_aws_key
from foretell.service.database import open_database
from foretell.service.home import open_home
from foretell.service.tables import keys
from service.amazon.test_wire import signed


@pytest.fixture
def made(tmp_path: Path) -> tuple[AmazonApp, str, str, bytes]:
    """The endpoint of a home with a reader's key: it, the key, its secret, and what the database holds of the secret."""
    home = open_home(tmp_path / "home")
    database = open_database(home.database)
    with database.begin() as connection:
        identifier, secret = create_aws_key(connection, home, "reader", "dashboards")
        sealed = connection.execute(keys.select()).one().sealed
    return amazon_app(home, database), identifier, secret, sealed


def test_the_secret_is_not_in_the_database(made: tuple[AmazonApp, str, str, bytes]):
    _, _, secret, sealed = made
    assert secret.encode() not in sealed


def test_a_reader_may_list_and_not_create(made: tuple[AmazonApp, str, str, bytes]):
    app, identifier, secret, _ = made
    listed = app.endpoint.answer(signed(key=identifier, secret=secret, at=None))
    assert listed.status == 200
    create = signed(key=identifier, secret=secret, at=None, target="AmazonForecast.CreateDataset")
    answer = app.endpoint.answer(create)
    assert answer.status == 403
    assert b"AccessDeniedException" in answer.body


def test_where_there_is_a_key_an_unsigned_request_is_refused(made: tuple[AmazonApp, str, str, bytes]):
    app, identifier, _, _ = made
    assert (
        b"InvalidSignatureException"
        in app.endpoint.answer(signed(key=identifier, secret="wrong", at=None)).body
    )
    assert b"UnrecognizedClientException" in app.endpoint.answer(signed(key="FTLANOBODY", at=None)).body
