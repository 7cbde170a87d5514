"""The lines of the mail log, for whoever wonders why a test fails.

Law: the same events that the service writes, tracebacks in full; pytest shows them too, as captured log.
"""

import logging

LOGGER = logging.getLogger("lamsonproxy")


class Lines(logging.Handler):
    """Keeps what is logged while it listens."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        self.errors: list[str] = []
        """Those of them that are errors."""
        self._level_before = LOGGER.level

    def listen(self) -> None:
        LOGGER.setLevel(logging.INFO)
        LOGGER.addHandler(self)

    def close(self) -> None:
        LOGGER.removeHandler(self)
        LOGGER.setLevel(self._level_before)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self.lines.append(line)
        if record.levelno >= logging.ERROR:
            self.errors.append(line)
