"""The database of the settings, for one transaction of a command.

Law: a command makes no database: who asks before the service has ever run is told so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect

from lamsonproxy.config import Settings
from lamsonproxy.config.databases import default_database
from lamsonproxy.errors import LamsonError
from lamsonproxy.state.engines import DatabaseSettings, make_engine, parse_url
from lamsonproxy.state.failing import foreign
from lamsonproxy.state.tables import conversation


class NoDatabase(LamsonError):
    """There is no database yet, or none of ours."""


@contextmanager
def opened(settings: Settings) -> Iterator[Connection]:
    """A transaction, committed when nothing is raised. Raises NoDatabase, StoreError and ConfigError."""
    url = settings.database or default_database(settings)
    _check_file(url)
    limits = DatabaseSettings(url, connections=1, lock_wait_s=settings.state.lock_wait_s)
    engine = make_engine(limits, has_pool=False)
    with foreign("the database"), engine.begin() as connection:
        if not inspect(connection).has_table(conversation.name):
            raise NoDatabase("The database has no tables of lamsonproxy yet: `lamson run` makes them.")
        yield connection


def _check_file(url: str) -> None:
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        raise NoDatabase(f"There is no database yet ({parsed.database}): `lamson run` makes it.")
