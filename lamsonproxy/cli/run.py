"""`lamson run`: the supervisor, with workers that are this same program."""

import asyncio
import sys
from pathlib import Path

from lamsonproxy.cli.place import settled_at
from lamsonproxy.workers.supervisor import supervise

WORKER = (sys.executable, "-m", "lamsonproxy", "worker")


def run_service(config: Path | None) -> None:
    """Serve until told to leave. Raises ConfigError when the service cannot start."""
    asyncio.run(supervise(settled_at(config), WORKER))
