"""The commands and their arguments; what each does is in the module of its name.

A new command is a function here with `@app.command()`, a docstring for --help, and its imports inside.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lamsonproxy.errors import AppError, ConfigError, LamsonError

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
def check(config: Config = None) -> None:
    """Check the settings and the application; tell every mistake."""
    from lamsonproxy.cli.check import verdict_on

    with told():
        typer.echo(verdict_on(config))


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


@app.command(hidden=True)
def worker(
    channel: Annotated[int, typer.Argument(help="Descriptor of the channel to the supervisor.")],
) -> None:
    """Be a worker; the supervisor starts these."""
    from lamsonproxy.cli.worker import be_worker

    raise typer.Exit(be_worker(channel))
