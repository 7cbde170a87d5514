"""The exception tree, by whose fault it is.

    LamsonError
    ├── ConfigError     the operator: a setting, a path, a port
    ├── AppError        the author of the application: a route, a handler, what it returned
    ├── RemoteError     the peer: downstream refused to connect, closed, stalled or talked nonsense
    ├── StorageError    the disk: a kept copy could not be made durable
    └── StoreError      the database: it is away, it is busy, it refused
        ├── ConflictError   two transactions met; done again, this one may well succeed
        └── AlreadySettled  the mail was settled by an earlier attempt

Law: none of these texts ever reaches the wire (design law 1); they are for the log and the console.
What is raised is caught by name at one place; anything else is a bug of ours, answered 451 and logged
with its traceback.
"""

from collections.abc import Sequence


class LamsonError(Exception):
    """Something that lamsonproxy foresaw went wrong."""


class ConfigError(LamsonError):
    """The settings cannot be used; `problems` holds every mistake, one sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: Sequence[str] = problems


class AppError(LamsonError):
    """The application cannot be used; `problems` holds every mistake, one sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: Sequence[str] = problems


class RemoteError(LamsonError):
    """Downstream could not be talked to; `stage` says where in the dialogue, `kind` what happened.

    `ambiguous` is true when the final dot had been sent and no reply came: downstream may or may not have
    the mail (RFC 1047), so it must not be sent again on another connection.
    """

    def __init__(self, stage: str, kind: str, detail: str = "", *, ambiguous: bool = False) -> None:
        super().__init__(f"{kind} at {stage}" + (f": {detail}" if detail else ""))
        self.stage = stage
        self.kind = kind
        self.ambiguous = ambiguous


class StorageError(LamsonError):
    """A file could not be made durable."""

    def __init__(self, what: str, error: OSError) -> None:
        super().__init__(f"{what}: {error.strerror or error}")
        self.errno = error.errno


class StoreError(LamsonError):
    """The database could not be used."""


class ConflictError(StoreError):
    """Two transactions met: a deadlock, a serialisation failure, a lost connection before anything was written."""


class AlreadySettled(StoreError):
    """The mail was settled by an earlier attempt; raised to a handler that begins a transaction for it again."""
