"""What a scanner found in one mail.

Law: values only. A scanner that was not asked or did not answer says so by its grade, never by a report that looks like
a clean one.
"""

from dataclasses import dataclass
from typing import Literal

ScannerName = Literal["rspamd", "spamassassin", "clamav"]
"""A metric label and a log field: a closed set (design law 10)."""

Grade = Literal["clean", "spam", "virus", "unscanned", "away"]
"""`unscanned`: larger than its scanner takes. `away`: the scanner did not answer, or nonsense."""


@dataclass(frozen=True, slots=True)
class Report:
    """One scanner's answer about one mail."""

    scanner: ScannerName
    grade: Grade
    score: float | None = None
    """Points; None for a scanner that gives none."""
    threshold: float | None = None
    """The points from which on its mail is spam."""
    symbols: tuple[str, ...] = ()
    """The rules that matched, the weightiest first where that is known."""
    action: str = ""
    """What rspamd advises, in its own words: `no action`, `add header`, `soft reject`."""
    virus: str = ""
    """What the virus scanner calls it."""
    trouble: str = ""
    """Why it is away: for the log."""

    @property
    def is_spam(self) -> bool:
        return self.grade == "spam"

    @property
    def is_virus(self) -> bool:
        return self.grade == "virus"

    @property
    def is_away(self) -> bool:
        return self.grade == "away"

    @property
    def is_known(self) -> bool:
        """Whether the mail was scanned at all."""
        return self.grade not in ("unscanned", "away")
