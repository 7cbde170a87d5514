"""The probes of apply: the re-entry by itself, then the whole chain with a mail that the service consumes.

Law: nothing reaches a mailbox, and nothing stays in the queue. Every failure is one sentence that says what was asked,
and what was heard instead.
"""

import os
import secrets
import smtplib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lamsonproxy.errors import LamsonError
from lamsonproxy.mail.probe import HEADER, PROBE_FOLDER, RECIPIENT, name_of
from lamsonproxy.postfix.choices import LOOPBACK, Choices
from lamsonproxy.postfix.fragments import TRANSPORT, Entry, Option
from lamsonproxy.postfix.place import Place
from lamsonproxy.postfix.postconf import Postfix

LISTEN_S = 30
"""Seconds until a service of master.cf must answer: after a reload Postfix may wait for files to settle."""
REPLY_S = 60
"""Seconds for one reply; at the proxy door the reply to the final dot is the service's own."""
CHAIN_S = 60
"""Seconds from the queue to the service."""
_EVERY_S = 0.1

_T = TypeVar("_T")


class ProbeFailed(LamsonError):
    """A probe was not answered as it must be."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A token, and the file that says that somebody waits for it."""

    token: str
    file: Path

    @property
    def recipient(self) -> str:
        return f"{RECIPIENT}{self.file.name[:16]}"

    def has_come(self) -> bool:
        return not self.file.exists()


def check_folder(quarantine: Path) -> None:
    """Be sure that a probe could be awaited. Raises ProbeFailed."""
    folder = quarantine / PROBE_FOLDER
    if not folder.is_dir():
        raise ProbeFailed(
            f"{folder} is not there: start the service with this lamson.toml (-c) on this machine first,"
            " so that it can be probed."
        )


@contextmanager
def awaited(quarantine: Path) -> Iterator[Awaited]:
    """Wait for a probe; nobody does any more when the context is left."""
    token = secrets.token_hex(32)
    file = quarantine / PROBE_FOLDER / name_of(token)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    try:
        yield Awaited(token, file)
    finally:
        file.unlink(missing_ok=True)


def probe_entry(choices: Choices) -> Entry:
    """An smtpd on the loopback, on a port that nobody uses, that hands its mail to the door as the front will."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    nexthop = choices.listen.lmtp_nexthop if choices.client == "lmtp" else choices.listen.smtp_nexthop
    is_proxy = choices.door == "proxy"
    values = {
        "syslog_name": "postfix/probe",
        "content_filter": "" if is_proxy else f"{TRANSPORT}:{nexthop}",
        "smtpd_proxy_filter": str(choices.listen) if is_proxy else "",
        "receive_override_options": "no_address_mappings,no_header_body_checks,no_unknown_recipient_checks,no_milters",
        "mynetworks": LOOPBACK,
        "smtpd_recipient_restrictions": "permit_mynetworks,reject",
        "smtpd_tls_security_level": "none",
        "smtpd_upstream_proxy_protocol": "",
        **{
            f"smtpd_{phase}_restrictions": ""
            for phase in ("relay", "client", "helo", "sender", "data", "end_of_data")
        },
    }
    options = tuple(Option(name, value, "", "") for name, value in values.items())
    return Entry(f"127.0.0.1:{port}", "inet", "n", "1", "smtpd", "", "", options)


def probe_reentry(place: Place, domain: str) -> None:
    """MAIL, RCPT, RSET, and XFORWARD in what it offers. Raises ProbeFailed."""

    def ask(smtp: smtplib.SMTP) -> None:
        if not smtp.has_extn("xforward"):
            raise ProbeFailed(
                f"The re-entry at {place} does not offer XFORWARD to us: the log would not name the client."
            )
        for command in ("MAIL FROM:<>", f"RCPT TO:<{RECIPIENT}reentry@{domain}>", "RSET"):
            code, text = smtp.docmd(command)
            if code != 250:
                raise ProbeFailed(
                    f"The re-entry at {place} answered {command} with {code} {_printable(text)}."
                )

    _talk(place, f"The re-entry at {place}", ask)


def probe_chain(postfix: Postfix, entrance: Place, choices: Choices, quarantine: Path, domain: str) -> None:
    """A mail from <> through Postfix to the service, which consumes it. Raises ProbeFailed."""
    with awaited(quarantine) as probe:
        code, text = _talk(
            entrance, "Postfix, which was to take the probe,", lambda smtp: _send(smtp, probe, domain)
        )
        queue_id = text.rpartition("queued as ")[2].strip() if "queued as " in text else ""
        try:
            if code != 250:
                raise ProbeFailed(f"The probe through {choices.listen} was answered with {code} {text}.")
            _await(postfix, probe, queue_id, choices, quarantine)
        finally:
            if queue_id and not probe.has_come():
                postfix.delete(queue_id)


def _send(smtp: smtplib.SMTP, probe: Awaited, domain: str) -> tuple[int, str]:
    lines = (
        f"{HEADER}: {probe.token}",
        f"From: <postmaster@{domain}>",
        "Subject: Probe of lamson postfix apply",
        "",
    )
    recipient = f"{probe.recipient}@{domain}"
    for command in ("MAIL FROM:<>", f"RCPT TO:<{recipient}>"):
        code, text = smtp.docmd(command)
        if code != 250:
            return code, _printable(text)
    code, text = smtp.data("\r\n".join((*lines, "The service consumes this.", "")))
    return code, _printable(text)


def _await(postfix: Postfix, probe: Awaited, queue_id: str, choices: Choices, quarantine: Path) -> None:
    end = time.monotonic() + CHAIN_S
    reason = ""
    while not probe.has_come():
        mail = next((mail for mail in postfix.queue() if mail["queue_id"] == queue_id), None)
        reason = next(
            (r["delay_reason"] for r in (mail or {}).get("recipients", []) if r.get("delay_reason")), ""
        )
        if probe.has_come():
            return
        if reason:
            raise ProbeFailed(f"The probe did not reach the service at {choices.listen}: {reason}.")
        if mail is None:
            raise ProbeFailed(
                f"Something at {choices.listen} took the probe, but it was not the service that keeps its"
                f" quarantine in {quarantine} (-c names its lamson.toml)."
            )
        if time.monotonic() > end:
            raise ProbeFailed(
                f"The probe has been in the queue for {CHAIN_S} s and has not reached {choices.listen}."
            )
        time.sleep(_EVERY_S)


def _talk(place: Place, who: str, ask: Callable[[smtplib.SMTP], _T]) -> _T:
    """One session, as soon as somebody answers. Raises ProbeFailed."""
    end = time.monotonic() + LISTEN_S
    while True:
        try:
            with smtplib.SMTP(place.host, place.port, "lamson-probe.localhost", timeout=REPLY_S) as smtp:
                smtp.ehlo_or_helo_if_needed()
                return ask(smtp)
        except (OSError, smtplib.SMTPException) as error:
            # master(8) may not have read its configuration yet, or an smtpd of the old one may just be leaving.
            if time.monotonic() > end:
                raise ProbeFailed(f"{who} did not answer within {LISTEN_S} s: {error}.") from error
            time.sleep(_EVERY_S)


def _printable(text: bytes) -> str:
    return text.decode("utf-8", "replace").replace("\n", " / ")
