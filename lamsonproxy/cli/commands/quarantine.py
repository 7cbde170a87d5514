"""`lamson quarantine list|show|release|delete`: the arguments.

Law: a mail is called by the name that `list` shows, or by six or more letters of its beginning.
"""

from typing import Annotated

import typer

from lamsonproxy.cli.commands.parameters import AsJson, Config, told

group = typer.Typer(help="The mail that a handler quarantined.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name, or its first six letters or more.")]
Names = Annotated[list[str], typer.Argument(help="The names, or their first six letters or more.")]


@group.command("list")
def quarantine_list(config: Config = None, json: AsJson = False) -> None:
    """List what is kept, oldest first."""
    from lamsonproxy.cli.quarantine import show_list

    with told():
        show_list(config, as_json=json)


@group.command("show")
def quarantine_show(name: Name, config: Config = None) -> None:
    """Print the mail as it came, its envelope in the line before it."""
    from lamsonproxy.cli.quarantine import show_mail

    with told():
        show_mail(config, name)


@group.command("release")
def quarantine_release(names: Names, config: Config = None) -> None:
    """Hand mails to downstream with the envelopes they came with, past the routes; then forget them."""
    from lamsonproxy.cli.quarantine import release_all

    with told():
        release_all(config, names)


@group.command("delete")
def quarantine_delete(names: Names, config: Config = None) -> None:
    """Forget mails."""
    from lamsonproxy.cli.quarantine import delete_all

    with told():
        delete_all(config, names)
