"""The commands and their arguments; what each does is in the module of its name.

A new command is a function here with `@app.command()`, a docstring for --help, and its imports inside.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamsonproxy.errors import AppError, ConfigError, LamsonError

if TYPE_CHECKING:
    from lamsonproxy.cli.postfix import Wishes

app = typer.Typer(
    help="Mail applications as a service behind Postfix.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The settings file; by default lamson.toml, if it is here.", metavar="FILE"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

Name = Annotated[str, typer.Argument(help="The name, or its first six letters or more.")]
Names = Annotated[list[str], typer.Argument(help="The names, or their first six letters or more.")]

quarantine = typer.Typer(help="The mail that a handler quarantined.", no_args_is_help=True)
app.add_typer(quarantine, name="quarantine")

states = typer.Typer(help="The state machines, and who stands where in them.", invoke_without_command=True)
app.add_typer(states, name="states")

State = Annotated[
    str, typer.Argument(help="MODULE.STATE; the last part of the module's name is enough.", metavar="STATE")
]
Sender = Annotated[str, typer.Argument(help="The address that writes.")]

outbox = typer.Typer(
    help="Mail that handlers sent and that has not left, and the dead letters.", no_args_is_help=True
)
app.add_typer(outbox, name="outbox")

Numbers = Annotated[list[int], typer.Argument(help="The numbers that `lamson outbox list` shows.")]

db = typer.Typer(help="The schema of the database.", no_args_is_help=True)
app.add_typer(db, name="db")

postfix = typer.Typer(help="Into an existing Postfix, and out of it again.", no_args_is_help=True)
app.add_typer(postfix, name="postfix")

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


@contextmanager
def told() -> Iterator[None]:
    """Tell what went wrong in sentences, and leave with exit status 1."""
    try:
        yield
    except (ConfigError, AppError) as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        raise typer.Exit(1) from None
    except LamsonError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


@app.command()
def run(config: Config = None) -> None:
    """Run the service until SIGTERM; SIGHUP loads settings and application anew."""
    from lamsonproxy.cli.run import run_service

    with told():
        run_service(config)


@app.command()
def check(
    config: Config = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the running service instead.")] = False,
) -> None:
    """Check the settings and the application; tell every mistake."""
    from lamsonproxy.cli.check import sign_of_life, verdict_on

    with told():
        typer.echo(sign_of_life(config) if live else verdict_on(config))


@app.command()
def routes(
    address: Annotated[str, typer.Argument(help="Show only the routes that this address matches.")] = "",
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Show the routes in the order in which they are tried, or those that an address matches."""
    from lamsonproxy.cli.routes import show

    with told():
        show(config, address, as_json=json)


@app.command()
def version(json: AsJson = False) -> None:
    """Show the versions of lamsonproxy and of what it stands on."""
    from lamsonproxy.cli.version import show

    show(as_json=json)


@app.command()
def sink(
    folder: Annotated[Path, typer.Argument(help="Maildir to keep the mail in; made when missing.")] = Path(
        "var/sink"
    ),
    listen: Annotated[str, typer.Option(help="host:port to listen on.")] = "127.0.0.1:10026",
    size_limit: Annotated[int, typer.Option(help="Octets of one message.", min=1024)] = 1 << 30,
) -> None:
    """Receive mail in Postfix's place: keep it in a Maildir, print a line for each."""
    from lamsonproxy.cli.sink import run_sink

    with told():
        run_sink(folder, listen, size_limit)


@app.command()
def send(
    door: Annotated[str, typer.Argument(help="host:port of the door.")] = "127.0.0.1:10025",
    sender: Annotated[str, typer.Option("--from", help="Envelope sender; empty for <>.")] = "",
    to: Annotated[list[str] | None, typer.Option(help="Envelope recipient; may be repeated.")] = None,
    subject: Annotated[str, typer.Option(help="Subject of a small mail.")] = "A test",
    body: Annotated[str, typer.Option(help="Text of a small mail.")] = "A test.",
    file: Annotated[Path | None, typer.Option(help="A whole mail instead; - is standard input.")] = None,
    mail_param: Annotated[list[str] | None, typer.Option(help="MAIL parameter, such as RET=HDRS.")] = None,
    rcpt_param: Annotated[
        list[str] | None, typer.Option(help="RCPT parameter, such as NOTIFY=SUCCESS,FAILURE.")
    ] = None,
    xforward: Annotated[list[str] | None, typer.Option(help="XFORWARD attribute, such as IDENT=4F2.")] = None,
) -> None:
    """Hand one mail to a door, as Postfix would. Exit status 0: taken, 75: try later, 69: refused."""
    from lamsonproxy.cli.send import Wishes, run_send

    wishes = Wishes(tuple(mail_param or ()), tuple(rcpt_param or ()), tuple(xforward or ()))
    with told():
        raise typer.Exit(run_send(door, sender, to or [], wishes, file, subject, body))


@quarantine.command("list")
def quarantine_list(config: Config = None, json: AsJson = False) -> None:
    """List what is kept, oldest first."""
    from lamsonproxy.cli.quarantine import show_list

    with told():
        show_list(config, as_json=json)


@quarantine.command("show")
def quarantine_show(name: Name, config: Config = None) -> None:
    """Print the mail as it came, its envelope in the line before it."""
    from lamsonproxy.cli.quarantine import show_mail

    with told():
        show_mail(config, name)


@quarantine.command("release")
def quarantine_release(names: Names, config: Config = None) -> None:
    """Hand mails to downstream with the envelopes they came with, past the routes; then forget them."""
    from lamsonproxy.cli.quarantine import release_all

    with told():
        release_all(config, names)


@quarantine.command("delete")
def quarantine_delete(names: Names, config: Config = None) -> None:
    """Forget mails."""
    from lamsonproxy.cli.quarantine import delete_all

    with told():
        delete_all(config, names)


@states.callback()
def states_by_themselves(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        states_list()


@states.command("list")
def states_list(config: Config = None, json: AsJson = False) -> None:
    """List every state of every machine, and how many conversations stand there."""
    from lamsonproxy.cli.states import show_list

    with told():
        show_list(config, as_json=json)


@states.command("show")
def states_show(sender: Sender, config: Config = None, json: AsJson = False) -> None:
    """Show where a correspondent stands, and the last steps that led there."""
    from lamsonproxy.cli.states import show_correspondent

    with told():
        show_correspondent(config, sender, as_json=json)


@states.command("move")
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


@states.command("rename")
def states_rename(
    old: Annotated[str, typer.Argument(help="MODULE.STATE as it stands in the database.", metavar="OLD")],
    new: Annotated[str, typer.Argument(help="MODULE.STATE as it is in the application.", metavar="NEW")],
    config: Config = None,
) -> None:
    """Take everybody along when a state function, or its module, has got another name."""
    from lamsonproxy.cli.states import rename

    with told():
        rename(config, old, new)


@states.command("diagram")
def states_diagram(
    dot: Annotated[bool, typer.Option("--dot/--mermaid", help="For Graphviz, or for a page.")] = False,
    counts: Annotated[bool, typer.Option("--counts", help="With how many stand in each state.")] = False,
    config: Config = None,
) -> None:
    """Draw the machines, as their code tells them."""
    from lamsonproxy.cli.states import show_diagram

    with told():
        show_diagram(config, "dot" if dot else "mermaid", with_counts=counts)


@states.command("lint")
def states_lint(config: Config = None, json: AsJson = False) -> None:
    """Tell what is doubtful about the machines; exit status 1 when something of it is an error."""
    from lamsonproxy.cli.states import show_lint

    with told():
        raise typer.Exit(0 if show_lint(config, as_json=json) else 1)


@db.command("upgrade")
def db_upgrade(config: Config = None) -> None:
    """Bring the database to the schema of this program; `run` does it by itself where it is safe."""
    from lamsonproxy.cli.db import upgrade

    with told():
        upgrade(config)


@db.command("version")
def db_version(config: Config = None, json: AsJson = False) -> None:
    """Show the revision of the database, and the one of this program."""
    from lamsonproxy.cli.db import show_version

    with told():
        show_version(config, as_json=json)


@outbox.command("list")
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


@outbox.command("show")
def outbox_show(
    number: Annotated[int, typer.Argument(help="The number that `lamson outbox list` shows.")],
    config: Config = None,
) -> None:
    """Print a mail as it will be sent, its envelope in the line before it."""
    from lamsonproxy.cli.outbox import show_mail

    with told():
        show_mail(config, number)


@outbox.command("retry")
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


@outbox.command("drop")
def outbox_drop(numbers: Numbers, config: Config = None) -> None:
    """Forget mails: nobody will get them."""
    from lamsonproxy.cli.outbox import drop

    with told():
        drop(config, numbers)


def _wishes(
    door: str, listen: str, reentry: str, domains: str, dkim: str, services: str, peers: str
) -> "Wishes":
    from lamsonproxy.cli.postfix import Wishes

    listed = (tuple(words.replace(",", " ").split()) for words in (domains, services, peers))
    own, handed_over, networks = listed
    return Wishes(door, listen, reentry, own, dkim, handed_over, networks)


@postfix.command("plan")
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


@postfix.command("apply")
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


@postfix.command("rollback")
def postfix_rollback(config_dir: ConfigDir = None, yes: Yes = False) -> None:
    """Take back exactly what apply changed, and send waiting mail another way."""
    from lamsonproxy.cli.postfix import Asking, run_rollback

    with told():
        run_rollback(config_dir, Asking(yes))


@postfix.command("doctor")
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


@app.command(hidden=True)
def worker(
    channel: Annotated[int, typer.Argument(help="Descriptor of the channel to the supervisor.")],
) -> None:
    """Be a worker; the supervisor starts these."""
    from lamsonproxy.cli.worker import be_worker

    raise typer.Exit(be_worker(channel))
