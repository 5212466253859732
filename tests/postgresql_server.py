"""A PostgreSQL server for the tests that want one: started once a process, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

PASSWORD = "s3cret@/:%x"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address (user:password@host:port/database) of a PostgreSQL server of the tests' own; skips without one."""
    pytest.importorskip("adbc_driver_postgresql")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not programs:
        pytest.skip("no PostgreSQL server is installed")
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    as_user: dict[str, Any] = {
        "user": user,
        "group": user,
        "check": True,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.STDOUT,
    }
    with tempfile.TemporaryDirectory(prefix="foretell-test-") as folder:
        (Path(folder) / "password").write_text(PASSWORD)
        if user is not None:
            shutil.chown(folder, user)
        data, port = f"{folder}/data", _free_port()
        make: list[Any] = [
            programs[-1].with_name("initdb"),
            "-D",
            data,
            "-U",
            "shop",
            "-A",
            "scram-sha-256",
            "--pwfile",
            f"{folder}/password",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        subprocess.run(make, cwd=folder, **as_user)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        subprocess.run(
            [programs[-1], "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start"],
            cwd=folder,
            **as_user,
        )
        try:
            yield f"shop:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([programs[-1], "-D", data, "-m", "immediate", "stop"], cwd=folder, **as_user)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
