"""`lamson postfix plan|apply|rollback|doctor`: the arguments.

Law: plan and apply take the same choices, so that what was shown can be done. What is not said is empty
here; whoever is called finds the default, in lamson.toml or in Postfix.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamsonproxy.cli.commands.parameters import AsJson, Config, told

if TYPE_CHECKING:
    from lamsonproxy.cli.postfix import Wishes

group = typer.Typer(help="Into an existing Postfix, and out of it again.", no_args_is_help=True)

ConfigDir = Annotated[
    Path | None,
    typer.Option(help="Postfix's configuration directory; by default that of this machine.", metavar="DIR"),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer every question with its default.")]
Door = Annotated[
    str, typer.Option(help="lmtp, filter, proxy or transport; by default the first door of lamson.toml.")
]
Listen = Annotated[str, typer.Option(help="Where the door listens; by default as lamson.toml says.")]
Reentry = Annotated[
    str, typer.Option(help="Where Postfix takes mail back; by default relay.host and relay.port.")
]
Domains = Annotated[str, typer.Option(help="With --door transport: the application's domains, with commas.")]
Dkim = Annotated[str, typer.Option(help="Where mail is DKIM-signed: before us, after us, or none.")]
Services = Annotated[
    str, typer.Option(help="Whose mail is handed over: smtp, submission, submissions, pickup, or name/type.")
]
Peers = Annotated[
    str, typer.Option(help="Networks that the service comes from, beside the loopback (containers).")
]


def _wishes(
    door: str, listen: str, reentry: str, domains: str, dkim: str, services: str, peers: str
) -> "Wishes":
    from lamsonproxy.cli.postfix import Wishes

    listed = (tuple(words.replace(",", " ").split()) for words in (domains, services, peers))
    own, handed_over, networks = listed
    return Wishes(door, listen, reentry, own, dkim, handed_over, networks)


@group.command("plan")
def postfix_plan(
    door: Door = "",
    listen: Listen = "",
    reentry: Reentry = "",
    domains: Domains = "",
    dkim: Dkim = "",
    services: Services = "",
    peers: Peers = "",
    emit: Annotated[
        Path | None, typer.Option(help="Write files for another machine or a container.", metavar="DIR")
    ] = None,
    config_dir: ConfigDir = None,
    config: Config = None,
    yes: Yes = False,
) -> None:
    """Show what apply would change, and touch nothing."""
    from lamsonproxy.cli.postfix import Asking, show_plan

    wishes = _wishes(door, listen, reentry, domains, dkim, services, peers)
    with told():
        show_plan(config, config_dir, wishes, emit, Asking(yes))


@group.command("apply")
def postfix_apply(
    door: Door = "",
    listen: Listen = "",
    reentry: Reentry = "",
    domains: Domains = "",
    dkim: Dkim = "",
    services: Services = "",
    peers: Peers = "",
    final: Annotated[bool, typer.Option("--final", help="End the trial: refusals count.")] = False,
    config_dir: ConfigDir = None,
    config: Config = None,
    yes: Yes = False,
) -> None:
    """Put the service behind this Postfix, step by step, each step probed; take all back when a probe fails."""
    from lamsonproxy.cli.postfix import Asking, run_apply

    wishes = _wishes(door, listen, reentry, domains, dkim, services, peers)
    with told():
        run_apply(config, config_dir, wishes, Asking(yes), final=final)


@group.command("rollback")
def postfix_rollback(config_dir: ConfigDir = None, yes: Yes = False) -> None:
    """Take back exactly what apply changed, and send waiting mail another way."""
    from lamsonproxy.cli.postfix import Asking, run_rollback

    with told():
        run_rollback(config_dir, Asking(yes))


@group.command("doctor")
def postfix_doctor(
    config_dir: ConfigDir = None,
    config: Config = None,
    json: AsJson = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask the configuration alone.")] = False,
) -> None:
    """Examine Postfix and lamson.toml together; exit status 1 when something is wrong."""
    from lamsonproxy.cli.postfix import show_doctor

    with told():
        raise typer.Exit(show_doctor(config, config_dir, as_json=json, offline=offline))
