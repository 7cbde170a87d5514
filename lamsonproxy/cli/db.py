"""`lamson db upgrade|version`: the schema of the database.

Law: what a start would do by itself is done here with the operator watching; and what a start refuses to do by itself
(a revision during which no older process may work) is done here only.
"""

import json
from pathlib import Path

from lamsonproxy.cli.place import settled_at
from lamsonproxy.config.databases import default_database
from lamsonproxy.state import schema


def upgrade(config: Path | None) -> None:
    """Bring the database to the schema of this program, and say so. Raises ConfigError and StoreError."""
    url = _url(config)
    before, head = schema.current(url)
    schema.upgrade(url)
    print(
        f"The database is at revision {head}" + ("." if before == head else f", from {before or 'nothing'}.")
    )


def show_version(config: Path | None, *, as_json: bool) -> None:
    """Print the revision of the database, and the one of this program."""
    here, head = schema.current(_url(config))
    if as_json:
        print(json.dumps({"database": here, "program": head}))
    else:
        print(f"The database is at revision {here or 'none'}, this program at {head}.")


def _url(config: Path | None) -> str:
    settings = settled_at(config)()
    return settings.database or default_database(settings)
