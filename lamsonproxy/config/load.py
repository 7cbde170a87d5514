"""Reading lamson.toml and the environment: the environment stands over the file, the file over the defaults.

Law: every mistake is found in one go and told in one ConfigError; nothing is guessed and nothing is skipped.
A value that may be a secret is never shown.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from lamsonproxy import crash
from lamsonproxy.config.checks import contradictions
from lamsonproxy.config.sentences import sentence, unknown_variables
from lamsonproxy.config.settings import Settings
from lamsonproxy.errors import ConfigError


def load(path: Path | None = None) -> Settings:
    """Read the settings; without a path, from the environment alone.

    Raises ConfigError with every mistake. Relative paths are relative to the folder of the settings file.
    """
    written = _over(_of_file(path), _of_environment())
    strays = (*unknown_variables(os.environ), *crash.mistakes())
    try:
        settings = Settings.model_validate(written)
    except ValidationError as error:
        raise ConfigError(*strays, *_mistakes(written, error)) from None
    if problems := (*strays, *contradictions(settings)):
        raise ConfigError(*problems)
    return _anchored(settings, path.parent if path else Path())


def _of_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (octet {error.start + 1}).") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from None


def _of_environment() -> dict[str, Any]:
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        # LAMSON_RELAY="..." would have to be a whole section in JSON; the message holds no value.
        raise ConfigError(f"A section in the environment is no JSON object: {error}.") from None


def _over(lower: Any, upper: Any) -> Any:
    """Merge two trees; the environment's lists are tables with numbers for keys, as in
    LAMSON_DOOR__0__LISTEN."""
    if isinstance(lower, list) and _is_numbered(upper):
        lower = {str(number): item for number, item in enumerate(lower)}
    if not isinstance(upper, Mapping):
        return upper
    below = lower if isinstance(lower, Mapping) else {}
    merged = {**below, **{key: _over(below.get(key), value) for key, value in upper.items()}}
    return [merged[key] for key in sorted(merged, key=int)] if _is_numbered(upper) else merged


def _is_numbered(tree: Any) -> bool:
    return isinstance(tree, Mapping) and bool(tree) and all(key.isdecimal() for key in tree)


def _mistakes(written: Mapping[str, Any], error: ValidationError) -> Iterator[str]:
    """The mistakes in single keys, and then those between keys among the sections that have none."""
    yield from (sentence(details) for details in error.errors())
    spoilt = {str(details["loc"][0]) for details in error.errors()}
    rest = {key: value for key, value in written.items() if key not in spoilt}
    yield from contradictions(Settings.model_validate(rest), spoilt)


def _anchored(settings: Settings, folder: Path) -> Settings:
    base, kept = folder.absolute(), settings.quarantine
    path = base / kept.path
    places = {"path": path, "undeliverable": base / (kept.undeliverable or path.parent / "undeliverable")}
    quarantine = kept.model_copy(update=places)
    signing = tuple(key.model_copy(update={"file": base / (key.file or "")}) for key in settings.signing)
    return settings.model_copy(update={"quarantine": quarantine, "signing": signing})
