"""The commands of one word: run, check, routes, version, sink, send; and worker, which nobody types.

Law: arguments in, one call out. An exit status that says more than right or wrong comes from what was called.
"""

from pathlib import Path
from typing import Annotated

import typer

from lamsonproxy.cli.commands.parameters import AsJson, Config, told

app = typer.Typer(
    help="Mail applications as a service behind Postfix.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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


@app.command(hidden=True)
def worker(
    channel: Annotated[int, typer.Argument(help="Descriptor of the channel to the supervisor.")],
) -> None:
    """Be a worker; the supervisor starts these."""
    from lamsonproxy.cli.worker import be_worker

    raise typer.Exit(be_worker(channel))
