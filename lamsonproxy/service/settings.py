"""The settings, as each part of a worker wants them.

Law: only names change here; no value is made up.
"""

from lamsonproxy.config import Door as DoorConfig
from lamsonproxy.config import Settings
from lamsonproxy.doors.dialogue import Rules
from lamsonproxy.doors.door import DoorSettings
from lamsonproxy.engine import DoorPolicy
from lamsonproxy.relay import RelaySettings


def relay_settings(settings: Settings) -> RelaySettings:
    relay = settings.relay
    return RelaySettings(
        host=relay.host,
        port=relay.port,
        helo=settings.hostname,
        instance=settings.identity,
        connections=relay.connections,
        idle_s=relay.idle_s,
        connect_s=relay.connect_s,
        command_s=relay.command_s,
    )


def door_policy(settings: Settings, door: DoorConfig) -> DoorPolicy:
    return DoorPolicy(
        unmatched=door.unmatched,
        on_error=door.on_error,
        deadline_s=door.deadline_s,
        rcpt_timeout_s=door.rcpt_timeout_s,
        speed_adjust=door.speed_adjust,
        out_of_state=door.out_of_state,
        poison_after=settings.limits.poison_after,
        received_limit=settings.limits.received,
        own_received_limit=settings.limits.own_received,
        domains=frozenset(door.domains),
        trace_header=door.trace_header,
    )


def door_settings(settings: Settings, door: DoorConfig) -> DoorSettings:
    limits = settings.limits
    return DoorSettings(
        name=door.name,
        rules=Rules(
            hostname=settings.hostname,
            instance=settings.identity,
            size_limit=door.size_limit,
            recipients=limits.recipients,
            messages=limits.messages_per_session,
            errors=limits.errors,
            junk_commands=limits.junk_commands,
        ),
        trust=tuple(door.trust),
        bare_newline=door.bare_newline,
        bare_cr=door.bare_cr,
        command_bytes=limits.command_bytes,
        sessions=limits.sessions,
        idle_timeout_s=door.idle_timeout_s,
        data_timeout_s=door.data_timeout_s,
    )
