"""What more than one group of commands takes, and how each command tells what went wrong.

Law: an option that two groups have is spelt and explained once. A mistake of the operator or of the author leaves as
sentences; anything else passes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lamsonproxy.errors import AppError, ConfigError, LamsonError

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
