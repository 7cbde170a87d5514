"""The mail log: what happened, as lines and as numbers."""

from lamsonproxy.maillog.events import EventLog
from lamsonproxy.maillog.lines import Event, set_up

__all__ = ["Event", "EventLog", "set_up"]
