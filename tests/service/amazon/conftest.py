"""A server with workers, and boto3 clients that call it; nothing is checked in the client, so that all is checked in the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from foretell.service.amazon.settings import S3_ROOT
from foretell.service.serve import Place, Started
from service.amazon.calls import Amazon


def clients(address: str, **more: Any) -> tuple[Any, Any]:
    """Of both services."""
    settings = {
        "endpoint_url": address,
        "region_name": "us-east-1",
        "aws_access_key_id": "anybody",
        "aws_secret_access_key": "anything",
        "config": Config(parameter_validation=False, retries={"max_attempts": 0}),
    }
    return tuple(boto3.client(name, **{**settings, **more}) for name in ("forecast", "forecastquery"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Without keys, with a folder for S3."""
    home = tmp_path_factory.mktemp("home")
    (home / "config.toml").write_text('[amazon]\nauto_time_limit = "15s"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(S3_ROOT, str(tmp_path_factory.mktemp("s3")))
        started = Started(Place(home=str(home), port=0, workers=1, testing=True))
        thread = threading.Thread(target=started.run)
        thread.start()
        while not started._server.started:
            time.sleep(0.05)
        yield started
        started.stop()
        thread.join()


@pytest.fixture(scope="session")
def amazon(server: Started) -> Amazon:
    """Two clients of the server."""
    root = server.home.config.amazon.root
    assert isinstance(root, Path)
    return Amazon(*clients(server.address), root)
