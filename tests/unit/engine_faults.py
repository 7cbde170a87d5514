"""Forty ways for a handler to raise (H1)."""

import asyncio
import concurrent.futures
import decimal
import email.errors
import json
import queue
import re
import socket
import sqlite3
import ssl
import struct
import subprocess
import zlib
from collections.abc import Callable
from functools import partial

from lamsonproxy.errors import AppError, ConfigError, RemoteError, StorageError

SECRET = "s3cret-canary"
TEXT = f"{SECRET}\r\n250 2.0.0 OK injected"


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __str__


class NotEvenAnException(BaseException):
    pass


def _recursion() -> BaseException:
    def deeper() -> None:
        deeper()

    try:
        deeper()
    except RecursionError as error:
        return error
    raise AssertionError


RAISED: dict[str, Callable[[], BaseException]] = {
    **{
        kind.__name__: partial(kind, TEXT)
        for kind in (
            Exception, BaseException, NotEvenAnException, SystemExit, KeyboardInterrupt, GeneratorExit,
            StopIteration, StopAsyncIteration, asyncio.CancelledError, asyncio.InvalidStateError, MemoryError,
            ArithmeticError, ZeroDivisionError, AssertionError, AttributeError, EOFError, ImportError, IndexError,
            KeyError, LookupError, NameError, NotImplementedError, OSError, ConnectionResetError, BrokenPipeError,
            PermissionError, TimeoutError, RuntimeError, SyntaxError, TypeError, ValueError, UserWarning,
            concurrent.futures.CancelledError, concurrent.futures.BrokenExecutor, decimal.InvalidOperation,
            email.errors.HeaderParseError, queue.Empty, re.error, socket.gaierror, sqlite3.OperationalError,
            ssl.SSLError, struct.error, subprocess.SubprocessError, zlib.error, AppError, ConfigError,
        )
    },
    "RecursionError": _recursion,
    "UnicodeEncodeError": lambda: UnicodeEncodeError("ascii", TEXT, 0, 1, TEXT),
    "UnicodeDecodeError": lambda: UnicodeDecodeError("ascii", TEXT.encode(), 0, 1, TEXT),
    "JSONDecodeError": lambda: json.JSONDecodeError(TEXT, TEXT, 0),
    "RemoteError": lambda: RemoteError("end", "closed", TEXT, ambiguous=True),
    "StorageError": lambda: StorageError(TEXT, OSError(28, TEXT)),
    "ExceptionGroup": lambda: ExceptionGroup(TEXT, [ValueError(TEXT)]),
    "Unprintable": Unprintable,
}  # fmt: skip
