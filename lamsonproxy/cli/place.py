"""Where a command stands: in the folder of the settings file, as the application's imports and paths
expect."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lamsonproxy.config import Settings, load

DEFAULT = Path("lamson.toml")


def settled_at(config: Path | None) -> Callable[[], Settings]:
    """Go to the folder of the settings file; the loader of the settings, which raises ConfigError.

    Without a file named, lamson.toml is taken if it is here; else the environment alone counts.
    """
    if config is None and not DEFAULT.exists():
        return load
    path = (config or DEFAULT).absolute()
    if path.parent.is_dir():
        os.chdir(path.parent)
    return partial(load, path)
