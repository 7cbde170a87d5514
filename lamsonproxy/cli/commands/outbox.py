"""`lamson outbox list|show|retry|drop`: the arguments.

Law: a mail is called by the number that `list` shows. All dead letters are meant only when it is said.
"""

from typing import Annotated

import typer

from lamsonproxy.cli.commands.parameters import AsJson, Config, told

group = typer.Typer(
    help="Mail that handlers sent and that has not left, and the dead letters.", no_args_is_help=True
)

Numbers = Annotated[list[int], typer.Argument(help="The numbers that `lamson outbox list` shows.")]


@group.command("list")
def outbox_list(
    dead: Annotated[bool, typer.Option("--dead", help="Only the dead letters.")] = False,
    limit: Annotated[int, typer.Option(help="How many, the oldest first.", min=1)] = 100,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """List what has not left, oldest first: new, waiting, sending or dead."""
    from lamsonproxy.cli.outbox import Wanted, show_list

    with told():
        show_list(config, Wanted(dead, limit, json))


@group.command("show")
def outbox_show(
    number: Annotated[int, typer.Argument(help="The number that `lamson outbox list` shows.")],
    config: Config = None,
) -> None:
    """Print a mail as it will be sent, its envelope in the line before it."""
    from lamsonproxy.cli.outbox import show_mail

    with told():
        show_mail(config, number)


@group.command("retry")
def outbox_retry(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="The numbers that `lamson outbox list` shows.")
    ] = None,
    are_all: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    config: Config = None,
) -> None:
    """Make mails due at once, as if they were new; the running service sends them."""
    from lamsonproxy.cli.outbox import retry

    if bool(numbers) == are_all:
        raise typer.BadParameter("give numbers, or --all for all dead letters")
    with told():
        retry(config, numbers or [], are_all_dead=are_all)


@group.command("drop")
def outbox_drop(numbers: Numbers, config: Config = None) -> None:
    """Forget mails: nobody will get them."""
    from lamsonproxy.cli.outbox import drop

    with told():
        drop(config, numbers)
