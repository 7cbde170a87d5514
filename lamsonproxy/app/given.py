"""Envelope addresses as authors give them.

Law: what goes between angle brackets goes there as it is, and nothing in it can end the path or the command.
"""

from lamsonproxy.mail.address import NULL_SENDER, Address, parse_path


def given_recipient(to: str | Address) -> Address:
    """An address that mail can go to. Raises ValueError."""
    address = given_address(to)
    if not address:
        raise ValueError("the null address <> is no recipient")
    return address


def given_address(given: str | Address) -> Address:
    """An address, given with or without angle brackets; "" and "<>" are the null sender. Raises ValueError."""
    text = str(given)
    if isinstance(given, str) and text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    if not text:
        return NULL_SENDER
    # What came over the wire may be odder than what an author may write, as in `<two words@example.org>`.
    address, rest = parse_path(f"<{text}>" if isinstance(given, Address) else text)
    if rest or address.raw != text:
        raise ValueError(f"not an envelope address: {text[:80]!r}")
    return address
