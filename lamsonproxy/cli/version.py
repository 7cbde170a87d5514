"""`lamson version`: what to write into a bug report."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version

from lamsonproxy import __version__

LIBRARIES = ("aiosmtpd", "aiosmtplib", "uvloop")


def show(*, as_json: bool) -> None:
    """Print the versions."""
    versions = {"lamsonproxy": __version__, "python": platform.python_version()}
    versions |= {library: _version_of(library) for library in LIBRARIES}
    if as_json:
        print(json.dumps(versions))
    else:
        print(", ".join(f"{name} {number}" for name, number in versions.items()))


def _version_of(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # uvloop has no wheel for every machine.
        return "not installed"
