"""main.cf and master.cf of the private Postfix: what a host with a content filter would say, and no more.

    front ──► queue ──scan──► the service ──► reentry ──► queue ──final──► the sink
    null  ──► queue ──scan───────────────────► reentry                     (the baseline: no filter; by
                                                                            final where scan speaks LMTP)
    before ─────────proxy─────► the service ──► reentry ──► queue ──final──► the sink   (where a test asks for it)

Law: nothing here changes mail. Whatever Postfix would add, rewrite, convert or cut by default is turned off
or widened, so that a difference at the sink was made by the service.

FILTER_README, XFORWARD_README, SMTPUTF8_README, postconf(5), master(5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Newlines(Enum):
    """How an smtpd takes a bare LF: as released, or as advised against SMTP smuggling (CVE-2023-51764)."""

    STOCK = ""
    # The exclusions default to $mynetworks, which is exactly where the filter connects from.
    HARDENED = "-o smtpd_forbid_bare_newline=normalize -o smtpd_forbid_bare_newline_exclusions="


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everybody listens, on 127.0.0.1."""

    front: int
    null: int
    reentry: int
    door: int
    sink: int


@dataclass(frozen=True, slots=True)
class Programs:
    """Where Postfix's programs are, and the accounts that they run under."""

    prefix: Path
    owner: str
    group: str

    @property
    def daemons(self) -> Path:
        return self.prefix / "usr/lib/postfix/sbin"

    @property
    def commands(self) -> Path:
        return self.prefix / "usr/sbin"

    @property
    def libraries(self) -> Path:
        return self.prefix / "usr/lib/postfix"


@dataclass(frozen=True, slots=True)
class Before:
    """An smtpd with the service before its queue."""

    port: int
    door: str
    """Where the service listens, in the words that both sides understand: host:port or unix:/path."""
    speed_adjust: bool = False

    def master_cf(self, newlines: Newlines) -> str:
        name = "adjusted" if self.speed_adjust else "before"
        return f"""\
127.0.0.1:{self.port} inet n - n - 20 smtpd
    -o syslog_name=postfix/{name}
    -o smtpd_proxy_filter={self.door}
    -o smtpd_proxy_options={"speed_adjust" if self.speed_adjust else ""}
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
    {newlines.value}
"""


NOBODY = "nobody@pass.test"
"""The re-entry refuses this recipient, as a Postfix does that knows its own."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a test may choose."""

    recipient_limit: int = 50
    lmtp: bool = False
    """Whether the filter is reached by lmtp(8)."""
    socket: str = ""
    """With lmtp: the filter's unix socket, in the place of its port."""
    domains: Sequence[str] = ()
    """Whose mail is handed to the filter, by transport_maps; empty is all mail, by content_filter."""
    front: Newlines = Newlines.STOCK
    reentry: Newlines = Newlines.STOCK
    before: tuple[Before, ...] = ()
    settings: str = ""
    """More lines of main.cf; they win over those that stand there already."""
    services: str = ""
    """More services of master.cf."""


MESSAGE_SIZE_LIMIT = 80_000_000
"""Octets; above everything that the tests send."""


def main_cf(folder: Path, programs: Programs, ports: Ports, options: Options) -> str:
    """The instance's own folders first, then how mail flows, then what would change mail and may not."""
    return f"""\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {programs.commands}
daemon_directory = {programs.daemons}
meta_directory = {folder}/etc
shlib_directory = {programs.libraries}
mail_owner = {programs.owner}
setgid_group = {programs.group}
import_environment = MAIL_CONFIG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
multi_instance_enable = no
myhostname = mx.postfix.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtp_tls_security_level = none
smtpd_tls_security_level = none

default_transport = final:[127.0.0.1]:{ports.sink}
transport_maps = {_transport_maps(ports, options)}
scan_destination_recipient_limit = {options.recipient_limit}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_limit = 2000
enable_long_queue_ids = yes
message_size_limit = {MESSAGE_SIZE_LIMIT}
notify_classes =
# Tests do not wait for politeness: retries come within seconds, errors are answered at once.
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 4s
transport_retry_time = 2s
in_flow_delay = 0
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1001
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0

# Postfix adds Date, From and Message-ID to mail of local clients; here nobody is one.
local_header_rewrite_clients =
message_drop_headers =
disable_mime_output_conversion = yes
smtp_line_length_limit = 0
lmtp_line_length_limit = 0
header_size_limit = {MESSAGE_SIZE_LIMIT}
# Mail with a long history passes Postfix, so that it is the service that must cope with it.
hopcount_limit = 100000
{options.settings}
"""


def _filter(ports: Ports, options: Options) -> str:
    if options.socket:
        return f"scan:unix:{options.socket}"
    return f"scan:{'inet:' if options.lmtp else ''}[127.0.0.1]:{ports.door}"


def _transport_maps(ports: Ports, options: Options) -> str:
    entries = (f"{{ {domain} = {_filter(ports, options)} }}" for domain in options.domains)
    return f"inline:{{ {', '.join(entries)} }}" if options.domains else ""


def master_cf(ports: Ports, options: Options) -> str:
    """The services. Of a sink that has gone away without a word `final` hears within the patience of a test."""
    smtpd, client = "inet n - n - 50 smtpd", "lmtp" if options.lmtp else "smtp"
    before = "".join(each.master_cf(options.front) for each in options.before)
    return f"""\
{before}\
127.0.0.1:{ports.front} {smtpd}
    -o syslog_name=postfix/front
    -o content_filter={"" if options.domains else _filter(ports, options)}
    -o receive_override_options=no_address_mappings
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
    {options.front.value}
127.0.0.1:{ports.null} {smtpd}
    -o syslog_name=postfix/null
    -o content_filter={"final" if options.lmtp else "scan"}:[127.0.0.1]:{ports.reentry}
    -o receive_override_options=no_address_mappings
    {options.front.value}
127.0.0.1:{ports.reentry} {smtpd}
    -o syslog_name=postfix/reentry
    -o content_filter=
    -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
    -o {{ smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ {NOBODY} = 550 5.1.1 No such user }} }} }}
    {options.reentry.value}
scan      unix - - n - 10 {client}
    -o syslog_name=postfix/scan
    -o {client}_send_xforward_command=yes
    -o {client}_data_done_timeout=600s
    -o {client}_generic_maps=
final     unix - - n - 20 smtp
    -o syslog_name=postfix/final
    -o smtp_helo_timeout=20s
    -o smtp_mail_timeout=20s
    -o smtp_rcpt_timeout=20s
    -o smtp_data_init_timeout=20s
    -o smtp_data_xfer_timeout=20s
    -o smtp_data_done_timeout=30s
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
{options.services}"""
