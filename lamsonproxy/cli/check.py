"""`lamson check`: what would keep the service from starting, told without starting it.

With `--live` the question goes to the service that runs now, over its own pages: for the health check of a
container, and for whoever wants to know before turning the filter on.
"""

import ipaddress
import os
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from lamsonproxy.app.application import App
from lamsonproxy.app.lint import NOBODY, People, warnings_of
from lamsonproxy.app.routing import Routes
from lamsonproxy.cli.place import settled_at
from lamsonproxy.config import HostPort, Settings
from lamsonproxy.config.routes import app_of, routes_of
from lamsonproxy.errors import AppError, ConfigError, LamsonError, StoreError

LIVE_S = 10.0
"""Seconds for one page: /readyz itself gives the re-entry five."""


class Unwell(LamsonError):
    """What the running service says is missing, a sentence each; or that nobody answers."""


def verdict_on(config: Path | None) -> str:
    """One line that all is well, after what is doubtful. Raises ConfigError with every mistake in the settings and in
    the application."""
    settings = settled_at(config)()
    problems = [*_places(settings), *_mistakes_in_keys(settings)]
    routes, doubts = Routes(()), list[str]()
    try:
        app = app_of(settings)
        routes = routes_of(settings, app)
        doubts = warnings_of(routes, _people(settings, routes))
        _compile_templates(app)
    except AppError as error:
        problems += error.problems
    except StoreError as error:
        problems.append(f"{error}.")
    if problems:
        raise ConfigError(*problems)
    doors = ", ".join(f"{door.name} at {door.listen}" for door in settings.door)
    counts = f"{_counted(len(routes), 'route')}, {_counted(settings.workers, 'worker')}"
    return "\n".join([*(f"Warning: {doubt}" for doubt in doubts), f"All is well: {doors}; {counts}."])


def _compile_templates(app: App | None) -> None:
    """Raises AppError with every mistake in the application's templates."""
    if app is not None and app.templates is not None:
        # Not before it is known that there are some: what the service stands on is heavy.
        from lamsonproxy.service.templates import templates_of

        templates_of(app)


def _people(settings: Settings, routes: Routes) -> People:
    """Who stands where, so that nobody is left behind; nobody where there is no database yet. Raises StoreError."""
    if not routes.machines.machines:
        return NOBODY
    # Not before it is known that there are machines: SQLAlchemy is heavy.
    from lamsonproxy.cli.database import NoDatabase, opened
    from lamsonproxy.state.admin import people

    try:
        with opened(settings) as connection:
            return people(connection)
    except NoDatabase:
        return NOBODY


def sign_of_life(config: Path | None) -> str:
    """One line that the running service is alive and ready. Raises Unwell, and ConfigError when the settings do not
    tell where it is."""
    pages = settled_at(config)().metrics.listen
    answers = {path: _asked(pages, path) for path in ("/healthz", "/readyz")}
    if problems := [f"{path}: {text}" for path, (is_well, text) in answers.items() if not is_well]:
        raise Unwell("\n".join(problems))
    return f"Alive and ready, says {pages}."


def _asked(pages: HostPort, path: str) -> tuple[bool, str]:
    connection = HTTPConnection(_reached_at(pages.host), pages.port, timeout=LIVE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status == HTTPStatus.OK, answer.read().decode("utf-8", "replace").strip()
    except (OSError, HTTPException) as error:
        return False, f"No answer from {pages}: {error}."
    finally:
        connection.close()


def _reached_at(host: str) -> str:
    """Where to knock for what listens on this host: every address (0.0.0.0, ::) includes the loopback."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return ("127.0.0.1" if address.version == 4 else "::1") if address.is_unspecified else host


def _places(settings: Settings) -> Iterator[str]:
    """The quarantine is made when it is missing; its nearest folder that exists must let us."""
    path = settings.quarantine.path
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    if not nearest.is_dir():
        yield f"quarantine.path is {path}, but {nearest} is no folder."
    elif not os.access(nearest, os.W_OK | os.X_OK):
        yield f"quarantine.path is {path}, but {nearest} is not writable for this user."


def _mistakes_in_keys(settings: Settings) -> Sequence[str]:
    if not settings.signing:
        return ()
    # Not before it is known that there are keys: what the outbox stands on is heavy.
    from lamsonproxy.stores import signer_of

    try:
        signer_of(settings)
    except ConfigError as error:
        return error.problems
    return ()


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
