"""`lamson db upgrade|version`: the arguments.

Law: nothing that speaks to a database is imported before one of these is asked for.
"""

import typer

from lamsonproxy.cli.commands.parameters import AsJson, Config, told

group = typer.Typer(help="The schema of the database.", no_args_is_help=True)


@group.command("upgrade")
def db_upgrade(config: Config = None) -> None:
    """Bring the database to the schema of this program; `run` does it by itself where it is safe."""
    from lamsonproxy.cli.db import upgrade

    with told():
        upgrade(config)


@group.command("version")
def db_version(config: Config = None, json: AsJson = False) -> None:
    """Show the revision of the database, and the one of this program."""
    from lamsonproxy.cli.db import show_version

    with told():
        show_version(config, as_json=json)
