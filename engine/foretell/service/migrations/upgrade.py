"""Bringing an older database up to date, by Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from foretell.errors import ForetellError

_LOCK: Final = 0x666F726574656C6C  # "foretell": of PostgreSQL, so that one of several servers migrates


def upgrade(engine: Engine, version: str | None) -> None:
    """Run the migrations that come after `version`, all of them or none; raises ForetellError where it is newer than any."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    known = {each.revision for each in scripts.walk_revisions()}
    if version is not None and version not in known:
        raise ForetellError(
            f"the home is of a newer foretell (schema {version}, this one knows up to {scripts.get_current_head()})."
            " Install that one, or open another home."
        )
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        steps = lambda revision, _: scripts._upgrade_revs("head", revision)  # noqa: E731
        context = EnvironmentContext(config, scripts, fn=steps)
        with context:
            context.configure(connection=connection, transactional_ddl=False)
            context.run_migrations()
