"""Log lines: one event is one line of printable ASCII, whatever was in it.

Law: nothing that a stranger can put into an address, a greeting or an exception ends a line, forges a field,
moves the cursor or turns the text around; each field is cut at `FIELD_LIMIT`. Writing never raises and never
stops mail: what could not be written is counted (lamsonproxy.maillog.writer).

The text form is key=value with values in JSON's quotes where they need some; JSON's escapes are used for both
forms, so SMTPUTF8 addresses appear escaped too: a log of pure ASCII shows the same on every terminal.
"""

import json
import logging
import os
import re
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lamsonproxy.maillog.writer import Writer

FIELD_LIMIT = 256
TRACEBACK_LIMIT = 8192
"""Characters of a traceback, the end of it: that is where the error is."""

_PLAIN = re.compile(r"[!#-\[\]-~]+")
_HEAD = ("trace", "route", "verdict")
# sd-daemon(3): the journal takes the priority from the front of the line.
_PRIORITIES = {logging.DEBUG: "<7>", logging.INFO: "<6>", logging.WARNING: "<4>", logging.ERROR: "<3>"}


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name, and its fields in order. As text it is its line."""

    name: str
    fields: Mapping[str, object]

    def __str__(self) -> str:
        fields = self.fields
        words = [_word(str(fields[key]) or "-") for key in _HEAD if key in fields]
        if "verdict" not in fields:
            words.append(self.name)
        words += [
            f"{key}={_word(str(value))}" for key, value in fields.items() if key not in _HEAD and value != ""
        ]
        return " ".join(words)


def set_up(form: str, level: str, count_failure: Callable[[], None] = lambda: None) -> None:
    """Send all logging of this process to standard error, in our form ("text" or "json"); called again, in another."""
    # A failing log must not print a traceback into the same failing log.
    logging.raiseExceptions = False
    root = logging.getLogger()
    ours = (handler for handler in root.handlers if isinstance(handler, LineHandler))
    # One writer for one descriptor, also after a reload: two would change the order of lines.
    handler = next(ours, None) or LineHandler(2, count_failure)
    handler.setFormatter(JsonLines() if form == "json" else TextLines(_is_read_by_journal()))
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Which dialect it speaks is nobody's news.
    logging.getLogger("alembic").setLevel(logging.WARNING)


class LineHandler(logging.Handler):
    """Makes a line of each record, and hands it to a `Writer`."""

    def __init__(self, descriptor: int, count_failure: Callable[[], None]) -> None:
        super().__init__()
        self._count_failure = count_failure
        self._writer = Writer(descriptor, count_failure)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; what fails is counted, and mail goes on."""
        try:
            self._writer.write(self.format(record).encode("ascii", "backslashreplace") + b"\n")
        except Exception:
            self._count_failure()

    def flush(self) -> None:
        """Wait for a short time until all is written; `logging` calls this when the process ends."""
        self._writer.flush()

    def close(self) -> None:
        """Give the thread back."""
        self._writer.close()
        super().close()


class TextLines(logging.Formatter):
    """`2026-11-22T18:30:00.123Z INFO 7QF3 lists.POSTING accept from=<…> …`; in the journal without time and
    level."""

    def __init__(self, for_journal: bool) -> None:
        super().__init__()
        self._for_journal = for_journal

    def format(self, record: logging.LogRecord) -> str:
        head = (
            _PRIORITIES.get(record.levelno, "<6>")
            if self._for_journal
            else f"{_stamp(record)} {record.levelname} "
        )
        trouble = _traceback(record)
        return head + _text(record) + (f' traceback="{_escaped(trouble)}"' if trouble else "")


class JsonLines(logging.Formatter):
    """One object a line, the same fields under the same names."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {"time": _stamp(record), "level": record.levelname.lower()}
        if isinstance(record.msg, Event):
            line |= {"event": record.msg.name}
            line |= {key: _cut(value) for key, value in record.msg.fields.items() if value != ""}
        else:
            line |= {"event": "log", "logger": record.name, "message": record.getMessage()[:TRACEBACK_LIMIT]}
        if trouble := _traceback(record):
            line["traceback"] = trouble
        return json.dumps(line).replace("\x7f", "\\u007f")


def _text(record: logging.LogRecord) -> str:
    if isinstance(record.msg, Event):
        return str(record.msg)
    # Somebody else's record: the application's, or asyncio's.
    message = _escaped(record.getMessage()[:TRACEBACK_LIMIT]).replace('\\"', '"')
    return f"{record.name}: {message}"


def _traceback(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    return "".join(traceback.format_exception(record.exc_info[1])).rstrip()[-TRACEBACK_LIMIT:]


def _stamp(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


def _word(text: str) -> str:
    if len(text) <= FIELD_LIMIT and _PLAIN.fullmatch(text):
        return text
    escaped = _escaped(text[:FIELD_LIMIT])
    # The dots also keep a backslash that was cut off its escape away from the closing quote.
    return f'"{escaped}"' if len(escaped) <= FIELD_LIMIT else f'"{escaped[:FIELD_LIMIT]}..."'


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1].replace("\x7f", "\\u007f")


def _cut(value: object) -> object:
    return value if isinstance(value, int | float) else str(value)[:FIELD_LIMIT]


def _is_read_by_journal() -> bool:
    """Whether standard error is the journal's socket, as systemd.exec(5) says to find out."""
    stat = os.fstat(2)
    return os.environ.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"
