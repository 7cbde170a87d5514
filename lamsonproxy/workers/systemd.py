"""What systemd wants to hear, and what it gives: sd_notify(3), sd_watchdog_enabled(3), systemd.exec(5).

Law: outside systemd all of this does nothing.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sdnotify import SystemdNotifier  # type: ignore[import-untyped]  # it has no annotations


class Systemd:
    """The service manager that started us, if one did."""

    def __init__(self) -> None:
        # Without NOTIFY_SOCKET the library leaves a socket open behind it.
        self._notifier = SystemdNotifier() if "NOTIFY_SOCKET" in os.environ else None

    def ready(self) -> None:
        self._notify("READY=1\nSTATUS=Serving mail")

    def reloading(self) -> None:
        # Type=notify-reload wants the moment, to tell this RELOADING from an earlier one.
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._notify("STOPPING=1\nSTATUS=Finishing the mail under way")

    @asynccontextmanager
    async def watchdog(self) -> AsyncIterator[None]:
        """Give signs of life while the body runs, twice in the time that systemd waits for one
        (WatchdogSec=)."""
        interval_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 2e6
        task = asyncio.create_task(self._live(interval_s)) if interval_s else None
        try:
            yield
        finally:
            if task:
                task.cancel()

    async def _live(self, interval_s: float) -> None:
        while True:
            self._notify("WATCHDOG=1")
            await asyncio.sleep(interval_s)

    def _notify(self, words: str) -> None:
        if self._notifier:
            self._notifier.notify(words)

    @staticmethod
    def runtime_directory() -> str | None:
        """The folder of RuntimeDirectory=, which is in memory; None without one."""
        return os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] or None
