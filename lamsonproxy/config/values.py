"""What one value in lamson.toml may be: the readers of single keys, as types.

Law: a reader gives the value or raises ValueError with the end of a sentence, which `sentences` begins. Only what the
key itself says is judged here; `checks` judges keys beside each other.
"""

import grp
import ipaddress
import os
import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer
from pydantic_settings import NoDecode

from lamsonproxy.config.places import HostPort, Place, host_port, place

LATER_DOORS = ("queue",)

_INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_APPLICATION = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")
_DATABASE = re.compile(r"(sqlite|postgresql|mariadb|mysql)(\+[a-z0-9]+)?://")
_HOSTNAME = re.compile(
    r"(?=.{1,255}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


def _network(value: object) -> object:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ipaddress.ip_network(value) if isinstance(value, str) else _not_a_network()
    except ValueError:
        return _not_a_network()


def _not_a_network() -> object:
    raise ValueError("must be a network without host bits, such as 127.0.0.0/8 or ::1")


def _words(value: object) -> object:
    # The environment has no lists: LAMSON_DOOR__0__TRUST="127.0.0.0/8, ::1".
    return re.split(r"[,\s]+", value.strip(", ")) if isinstance(value, str) else value


def _processes(value: object) -> object:
    return len(os.sched_getaffinity(0)) if value == "auto" else value


def _hostname(value: object) -> object:
    if not isinstance(value, str) or not _HOSTNAME.fullmatch(value):
        raise ValueError("must be a host name, such as mail.example.org")
    return value


def _instance(value: object) -> object:
    if not isinstance(value, str) or (value and not _INSTANCE.fullmatch(value)):
        raise ValueError("must be at most 64 letters, digits, . and -")
    return value


def _application(value: object) -> object:
    if isinstance(value, str) and value and not _APPLICATION.fullmatch(value):
        raise ValueError("must be module:name, such as app.main:app, or empty")
    return value


def _name(value: object) -> object:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("must be at most 32 small letters, digits, - and _")
    return value


def _mode(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"0?[0-7]{3}", value):
        raise ValueError("must be permissions in octal, such as 0660")
    return value


def _group(value: object) -> object:
    if value != "":
        try:
            grp.getgrnam(str(value))
        except KeyError:
            raise ValueError("must be a group of this machine") from None
    return value


def _domains(value: object) -> object:
    domains = _words(value)
    if not isinstance(domains, list | tuple):
        raise ValueError("must be a list of domains")
    if odd := [
        domain for domain in domains if not isinstance(domain, str) or not _HOSTNAME.fullmatch(domain)
    ]:
        raise ValueError(f"must be host names in their ASCII form, and {odd[0]!r} is none")
    return tuple(domain.lower() for domain in domains)


def _selector(value: object) -> object:
    if not isinstance(value, str) or not _HOSTNAME.fullmatch(value):
        raise ValueError("must be a name as DNS has them, such as mail2026 (RFC 6376 §3.1)")
    return value


def _signing_domain(value: object) -> object:
    if not isinstance(value, str) or not _HOSTNAME.fullmatch(value):
        raise ValueError("must be a domain in its ASCII form, such as example.org")
    return value.lower()


def _kind(value: object) -> object:
    if value in LATER_DOORS:
        raise ValueError(f'{value} comes in a later release; this one has "filter", "lmtp" and "proxy"')
    return value


def _database(value: object) -> object:
    if not isinstance(value, str) or (value and not _DATABASE.match(value)):
        # Not shown: it may hold a password.
        raise ValueError(
            "must be a URL, such as sqlite:///var/lamson.db or postgresql+psycopg://user@host/name, or empty"
        )
    return value


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(_words)]
# A HostPort is a tuple, which pydantic-settings would read as JSON where it stands in the environment.
Listen = Annotated[HostPort, NoDecode, BeforeValidator(host_port), PlainSerializer(str)]
DoorListen = Annotated[Place, NoDecode, BeforeValidator(place), PlainSerializer(str)]
Mode = Annotated[str, BeforeValidator(_mode)]
Group = Annotated[str, BeforeValidator(_group)]
Domains = Annotated[tuple[str, ...], BeforeValidator(_domains)]
Kind = Annotated[Literal["filter", "lmtp", "proxy"], BeforeValidator(_kind)]
Name = Annotated[str, BeforeValidator(_name)]
Selector = Annotated[str, BeforeValidator(_selector)]
SigningDomain = Annotated[str, BeforeValidator(_signing_domain)]
Hostname = Annotated[str, BeforeValidator(_hostname)]
Instance = Annotated[str, BeforeValidator(_instance)]
Database = Annotated[str, BeforeValidator(_database)]
Application = Annotated[str, BeforeValidator(_application)]
Processes = Annotated[int, Field(ge=1, le=256), BeforeValidator(_processes)]
Count = Annotated[int, Field(ge=1)]
Bytes = Annotated[int, Field(ge=1024)]
Days = Annotated[float, Field(gt=0, le=36500)]
Seconds = Annotated[float, Field(gt=0, le=86400)]
Port = Annotated[int, Field(ge=1, le=65535)]
