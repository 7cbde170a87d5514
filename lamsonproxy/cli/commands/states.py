"""`lamson states list|show|move|rename|diagram|lint`: the arguments.

Law: a correspondent is called by the address that writes, a state by MODULE.STATE. Who says no more than `lamson
states` means `list`.
"""

from typing import Annotated

import typer

from lamsonproxy.cli.commands.parameters import AsJson, Config, told

group = typer.Typer(help="The state machines, and who stands where in them.", invoke_without_command=True)

State = Annotated[
    str, typer.Argument(help="MODULE.STATE; the last part of the module's name is enough.", metavar="STATE")
]
Sender = Annotated[str, typer.Argument(help="The address that writes.")]


@group.callback()
def states_by_themselves(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        states_list()


@group.command("list")
def states_list(config: Config = None, json: AsJson = False) -> None:
    """List every state of every machine, and how many conversations stand there."""
    from lamsonproxy.cli.states import show_list

    with told():
        show_list(config, as_json=json)


@group.command("show")
def states_show(sender: Sender, config: Config = None, json: AsJson = False) -> None:
    """Show where a correspondent stands, and the last steps that led there."""
    from lamsonproxy.cli.states import show_correspondent

    with told():
        show_correspondent(config, sender, as_json=json)


@group.command("move")
def states_move(
    sender: Sender,
    state: State,
    key: Annotated[
        str | None, typer.Option(help="Which conversation, where the machine has a STATE_KEY.")
    ] = None,
    config: Config = None,
) -> None:
    """Move one conversation, and write that into its history."""
    from lamsonproxy.cli.states import move

    with told():
        move(config, sender, state, key)


@group.command("rename")
def states_rename(
    old: Annotated[str, typer.Argument(help="MODULE.STATE as it stands in the database.", metavar="OLD")],
    new: Annotated[str, typer.Argument(help="MODULE.STATE as it is in the application.", metavar="NEW")],
    config: Config = None,
) -> None:
    """Take everybody along when a state function, or its module, has got another name."""
    from lamsonproxy.cli.states import rename

    with told():
        rename(config, old, new)


@group.command("diagram")
def states_diagram(
    dot: Annotated[bool, typer.Option("--dot/--mermaid", help="For Graphviz, or for a page.")] = False,
    counts: Annotated[bool, typer.Option("--counts", help="With how many stand in each state.")] = False,
    config: Config = None,
) -> None:
    """Draw the machines, as their code tells them."""
    from lamsonproxy.cli.states import show_diagram

    with told():
        show_diagram(config, "dot" if dot else "mermaid", with_counts=counts)


@group.command("lint")
def states_lint(config: Config = None, json: AsJson = False) -> None:
    """Tell what is doubtful about the machines; exit status 1 when something of it is an error."""
    from lamsonproxy.cli.states import show_lint

    with told():
        raise typer.Exit(0 if show_lint(config, as_json=json) else 1)
