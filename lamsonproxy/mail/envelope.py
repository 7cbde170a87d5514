"""The envelope of one mail: sender, recipients, the parameters of each, and what XFORWARD said of the first client.

Law: everything is kept as it was sent; per-recipient parameters stay with their own recipient (RFC 3461 §4.1), which
is what a flat list of options loses.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.esmtp import NO_PARAMS, NO_XFORWARD, Params, Xforward


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT command."""

    address: Address
    params: Params = NO_PARAMS

    @property
    def wants_failure_notice(self) -> bool:
        """Whether a failure may be reported (RFC 3461 §4.1: without NOTIFY it is)."""
        notify = self.params.get("NOTIFY")
        return notify is None or "FAILURE" in notify.upper().split(",")

    @property
    def wants_delivery_notice(self) -> bool:
        """Whether the delivery is to be reported."""
        return "SUCCESS" in (self.params.get("NOTIFY") or "").upper().split(",")


@dataclass(frozen=True, slots=True)
class Envelope:
    """MAIL, the RCPTs and XFORWARD of one transaction."""

    sender: Address
    recipients: tuple[Recipient, ...]
    params: Params = NO_PARAMS
    xforward: Xforward = NO_XFORWARD

    @property
    def addresses(self) -> frozenset[Address]:
        """The sender's and the recipients'."""
        return frozenset((self.sender, *(recipient.address for recipient in self.recipients)))

    def to_json(self) -> str:
        """One line of ASCII that `from_json` reads back without loss."""
        return json.dumps(
            {
                "sender": self.sender.raw,
                "params": self.params.raw,
                "recipients": [[r.address.raw, *r.params.raw] for r in self.recipients],
                "xforward": self.xforward.raw,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Envelope":
        """Raises ValueError when the text is no envelope of ours."""
        try:
            return cls._from_dict(json.loads(text))
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError("not an envelope") from error

    @classmethod
    def _from_dict(cls, fields: Mapping[str, Any]) -> "Envelope":
        return cls(
            sender=Address(fields["sender"]),
            params=Params(tuple(fields["params"])),
            recipients=tuple(
                Recipient(Address(address), Params(tuple(params)))
                for address, *params in fields["recipients"]
            ),
            xforward=Xforward(tuple((name, value) for name, value in fields["xforward"])),
        )
