"""The mail log: what happened, as lines and as numbers."""

from lamsonproxy.maillog.events import MailLog
from lamsonproxy.maillog.lines import Event, set_up

__all__ = ["Event", "MailLog", "set_up"]
