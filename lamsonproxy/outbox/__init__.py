"""Sends what handlers have written: right after the commit, and by a sweep for whatever was left behind.

    claimed -> offered downstream -> settled: taken      the row goes
                                              refused    a dead letter with the reply
                                              deferred   due again: 30 s, doubling, at most 1 h
                                              too old    a dead letter (5.4.7), after 5 days

What an application sent bounces to the application. Mail of somebody else's (`relay`) does not: when it dies here its
sender gets a DSN, written with the dead letter (RFC 5321 §6.1).

Law: at least once. A mail is settled after downstream's answer, so a crash between the two sends it again, and so does
a connection lost behind the final dot (RFC 1047): a generated mail that is lost is worse than one that comes twice. A
claim outlives the deadline of its relay, so no two processes send one row at a time; the clocks of machines that share
a database may differ by the difference. What was answered while the database was away is remembered here and settled as
soon as it is back. Nothing but its cancellation ends the sweeping.

pace       how fast, how often, how long
judging    what downstream's replies make of a mail
signing    signs what the application sends
sending    claims, signs, offers, settles
"""

from lamsonproxy.outbox.pace import Pace
from lamsonproxy.outbox.sending import Sending

__all__ = ["Pace", "Sending"]
