"""The checks of doctor: each trap of a filter behind Postfix, one at a time.

    finding     one line of doctor
    way         the way to the door
    reentry     the way back
    kinds       what only one kind of door can get wrong
    agreement   what Postfix and lamson.toml must agree on

Law: a check yields one finding for each thing that it looked at, `ok` ones too, and never raises.
"""

from lamsonproxy.postfix.checks import agreement, kinds, reentry, way
from lamsonproxy.postfix.checks.finding import Check, Finding, Level

CHECKS: tuple[Check, ...] = (*way.CHECKS, *reentry.CHECKS, *kinds.CHECKS, *agreement.CHECKS)

__all__ = ["CHECKS", "Finding", "Level"]
