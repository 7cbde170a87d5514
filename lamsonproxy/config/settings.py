"""The settings model: every key of lamson.toml with its default, its unit and its manual.

Law: this is the only list of settings. docs/settings.md is made from it, the environment's names follow from
it (`relay.port` is `LAMSON_RELAY__PORT`, the first door's listen is `LAMSON_DOOR__0__LISTEN`), and nothing is
read that does not stand here. Names and units are Postfix's where Postfix has the thing.
"""

import hashlib
import socket
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from lamsonproxy.config.places import HostPort
from lamsonproxy.config.values import (
    Application,
    Bytes,
    Count,
    Database,
    Days,
    Domains,
    DoorListen,
    Group,
    Hostname,
    Instance,
    Kind,
    Listen,
    Mode,
    Name,
    Networks,
    Port,
    Processes,
    Seconds,
    Selector,
    SigningDomain,
)
from lamsonproxy.mail.wire import BareCr, BareNewline

ENVIRONMENT_PREFIX = "LAMSON_"
PROXY_DEFAULTS = {
    # What is left of `smtpd_proxy_timeout` (100) when a disk has taken its time.
    "deadline_s": 80,
    # Commands and content come at the pace of the remote client; `smtpd_timeout` (300) ends its silences.
    "idle_timeout_s": 600,
    "data_timeout_s": 7200,
}


class Section(BaseModel):
    """A table of lamson.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Door(Section):
    """A place where Postfix hands us mail. Each `[[door]]` is one."""

    @model_validator(mode="before")
    @classmethod
    def _by_kind(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping):
            return fields
        defaults = PROXY_DEFAULTS if fields.get("kind") == "proxy" else {}
        named = {} if fields.get("name") else {"name": fields.get("kind", "filter")}
        return {**defaults, **fields, **named}

    name: Name = ""
    """What the log and the metrics call it: small letters, digits, `-` and `_`. By default its kind."""
    kind: Kind = "filter"
    """How Postfix reaches it: `filter` is `content_filter` through the smtp(8) client, `lmtp` is
    `content_filter` or `transport_maps` through the lmtp(8) client, with a reply for each recipient, `proxy` is
    `smtpd_proxy_filter`, before the queue, where the remote client hears our replies."""
    listen: DoorListen = HostPort("127.0.0.1", 10025)
    """Address and port, `host:port`; an IPv6 address stands in brackets. Port 0 lets the system choose. With
    `lmtp` and `proxy` also `unix:/path`, a socket in the file system; a stale one is replaced. Where
    Postfix's client is chrooted, the path must lie below its queue directory, and Postfix names it from there."""
    socket_mode: Mode = "0660"
    """The permissions of `unix:/path`, octal: whoever may write to it may send mail, `trust` is not asked."""
    socket_group: Group = ""
    """The group of `unix:/path`, such as `postfix`; we must be a member. Empty: our own."""
    trust: Networks = (
        IPv4Network("127.0.0.0/8"),
        IPv6Network("::1/128"),
    )
    """Networks of the peers that are answered; everybody else is turned away. Postfix's machines, nobody
    else's."""
    unmatched: Literal["accept", "reject"] = "accept"
    """What becomes of a recipient that no route matches: `accept` hands the mail on, `reject` is 550 5.1.1,
    for where Postfix hands us whole domains."""
    domains: Domains = ()
    """Domains that Postfix hands us by `transport_maps`. A mail for one of their addresses that would be handed
    on to that same address comes back to us for ever; so it is 451, and the log says why."""
    out_of_state: Literal["reject", "consume", "quarantine"] = "reject"
    """What becomes of mail that a state function's route matches while the conversation is in another state:
    `reject` is 550 5.7.1, `consume` takes it without a word, `quarantine` keeps it."""
    on_error: Literal["defer", "accept", "quarantine"] = "defer"
    """What becomes of mail whose handler failed: `defer` is 451 and Postfix tries again, `accept` hands on
    the original, `quarantine` keeps it. A route may say otherwise."""
    deadline_s: Annotated[float, Field(gt=0, lt=600)] = 540
    """Seconds for the handlers and the relay together, from the end of data; then 451. Below Postfix's
    `smtp_data_done_timeout` (600), after which Postfix would hang up. With `proxy` the default is 80, and it must
    be less than 95, because `smtpd_proxy_timeout` is 100."""
    rcpt_timeout_s: Annotated[float, Field(gt=0, lt=300)] = 60
    """Seconds for `phase="rcpt"` handlers at one RCPT, and with `proxy` for downstream too; then 451. Below
    Postfix's `smtp_rcpt_timeout` (300); with `proxy` less than 95."""
    speed_adjust: bool = False
    """With `proxy`: whether Postfix has `smtpd_proxy_options = speed_adjust`. It has taken every recipient then
    before it connects, and one refusal would fail the whole mail; so RCPT is always 250, and who was refused
    is quarantined and reported, as at the other doors."""
    size_limit: Bytes = 67108864
    """Octets of one message; larger ones are 552 5.3.4. Not below Postfix's `message_size_limit`."""
    bare_newline: BareNewline = BareNewline.NORMALIZE
    """What becomes of a bare LF: `normalize` makes it CRLF, `reject` refuses the mail. As Postfix's
    `smtpd_forbid_bare_newline`."""
    bare_cr: BareCr = BareCr.KEEP
    """What becomes of a CR without LF: `keep`, `replace` by a blank as Postfix's
    `cleanup_replace_stray_cr_lf`, or `reject`."""
    trace_header: bool = True
    """Whether a `Received:` line is put in front. Without it a mail loop is harder to see."""
    idle_timeout_s: Seconds = 300
    """Seconds that a client may be silent between commands (RFC 5321 §4.5.3.2.7). With `proxy` the default is 600:
    it is Postfix's `smtpd_timeout` (300) that ends a silence there, or the remote client would hear of a "queue file
    write error"."""
    data_timeout_s: Seconds = 600
    """Seconds for all of DATA, so that a client that sends an octet now and then does not stay for ever. With
    `proxy` the default is 7200, because the content comes as slowly as the remote client sends it."""


class Route(Section):
    """A job for a ready handler, without any Python. Each `[[route]]` is one; they are asked in this order, before the
    routes of the application. Beside these keys it has the options of its handler: docs/handlers.md."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    match: str = ""
    """Whose mail: a regular expression over the whole recipient address, as in docs/routes.md. Needed."""
    handler: str = ""
    """What is done with it: `add_header`, `archive`, `footer`, `forward`, `greylist`, `log`, `quarantine_if`, `queue`,
    `redirect`, `strip_attachments`, `tag_subject` or `vacation`. Needed."""
    on_error: Literal["", "defer", "accept", "quarantine"] = ""
    """What becomes of mail whose handler failed. Empty: what the door says."""


class Relay(Section):
    """Where mail goes: Postfix's re-entry smtpd. The address comes from here alone, never from a mail."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Name or address of the re-entry."""
    port: Port = 10026
    """Its port."""
    connections: Count = 20
    """Connections at most, per worker. Not above the re-entry's process limit divided by the workers."""
    idle_s: Seconds = 30
    """Seconds that an unused connection is kept. Below the re-entry's `smtpd_timeout` (300)."""
    connect_s: Seconds = 10
    """Seconds for connecting, the banner and EHLO, each."""
    command_s: Seconds = 60
    """Seconds for the reply to one command; the reply to the final dot has the rest of the door's
    deadline."""


class Limits(Section):
    """What one service may use. Beyond a limit the answer is 4xx: Postfix keeps the mail and comes again."""

    in_flight_bytes: Bytes = 536870912
    """Octets of messages in memory at one time, over all workers, each of which has its share. Beyond it a
    new transaction gets 451 at MAIL, before memory runs out."""
    sessions: Count = 500
    """Connections at one time, per worker; more get 421."""
    recipients: Count = 1000
    """Recipients of one mail, as Postfix's `smtpd_recipient_limit`; more get 452 4.5.3."""
    messages_per_session: Count = 100000
    """Mails on one connection; then 421, and the client connects anew."""
    errors: Count = 20
    """Errors in one session, as Postfix's `smtpd_hard_error_limit`; then 421."""
    junk_commands: Count = 100
    """NOOP, RSET, VRFY and their like without a mail between them, as Postfix's
    `smtpd_junk_command_limit`."""
    command_bytes: Annotated[int, Field(ge=512)] = 4096
    """Octets of a command line; RFC 5321 §4.5.3.1.4 asks for 512, and ESMTP parameters for more."""
    received: Count = 100
    """Received and Delivered-To lines of a mail that has gone in circles; then 554 5.4.6. Postfix's
    `hopcount_limit` is 50."""
    own_received: Count = 10
    """Received lines of this `instance` among them; then 554 5.4.6, before others have noticed."""
    handler_threads: Count = 16
    """Threads for `def` handlers, per worker, and as many more for those in a transaction. When so many
    handlers are stuck the worker is replaced."""
    stall_s: Annotated[float, Field(ge=3, le=3600)] = 30
    """Seconds that a worker's event loop may stand still before the supervisor replaces the worker."""
    poison_after: Annotated[int, Field(ge=0)] = 0
    """Failures of its handlers after which a mail is not tried again: it is kept in `quarantine.undeliverable`, its
    conversation goes to the ERROR state of the machine, where it has one, and Postfix hears 250. 0: never, and Postfix
    tries until `maximal_queue_lifetime` is over. Needs a database."""
    drain_s: Annotated[float, Field(ge=0, le=3600)] = 25
    """Seconds that a worker has to finish what is running when it is told to leave; then 451. Below systemd's
    `TimeoutStopSec`."""
    start_s: Seconds = 30
    """Seconds that a new worker has until it is ready."""


class Quarantine(Section):
    """Where quarantined mail is kept, and the notices that wait to be sent."""

    path: Path = Path("var/quarantine")
    """A folder (Maildir), made when missing. A relative path is relative to the folder of lamson.toml."""
    undeliverable: Path | None = None
    """A folder (Maildir) for mail whose handlers failed too often (`limits.poison_after`), made when missing. Unset:
    `undeliverable` beside the quarantine."""
    notice_sweep_s: Seconds = 30
    """Seconds between two attempts to send the notices (DSNs) that wait."""


class State(Section):
    """How conversations use the database."""

    connections: Count = 20
    """Transactions at one time, per worker. All workers of all machines together, and 4 more of each, must stay below
    PostgreSQL's `max_connections` (100)."""
    lock_wait_s: Annotated[float, Field(gt=0, le=300)] = 30
    """Seconds that a mail waits for another one of the same conversation, on this machine or another; on SQLite for any
    other mail with a conversation. Then 451."""


class Outbox(Section):
    """Mail that handlers send. It leaves right after the commit."""

    sweep_s: Seconds = 10
    """Seconds between two looks for mail whose time has come again, or that another process left behind."""
    lease_s: Annotated[float, Field(ge=2, le=86400)] = 300
    """Seconds that a process has a mail for itself: what it was sending when it died waits so long. It has four fifths
    of it to send the mail; the rest is for clocks that differ, where machines share a database."""
    retry_min_s: Seconds = 30
    """Seconds until the second attempt; each later pause is twice the one before."""
    retry_max_s: Seconds = 3600
    """Seconds of the longest pause."""
    give_up_days: Days = 5
    """Days that it is tried, as Postfix's `maximal_queue_lifetime`; then it is a dead letter."""
    parallel: Count = 8
    """Mails on their way at one time, per worker."""
    replies_per_hour: Count = 20
    """Automatic mails to one correspondent within an hour; then `mail.reply` and `Confirmation.ask` send nothing and
    return False (RFC 3834 §2)."""


class Signing(Section):
    """A key that signs what the application sends: DKIM, and ARC for what it sends on. Each `[[signing]]` is one. Mail
    that passes through the doors is never signed. Needs the extra `authentication`; docs/howto/sign.md."""

    domain: SigningDomain = ""
    """Whose mail: that with this domain, or one below it, in From; else, where no key fits that, in the envelope
    sender. Of two keys that fit the one of the longer domain signs. Needed."""
    selector: Selector = ""
    """Where DNS has the public half: `selector._domainkey.domain`. Needed."""
    file: Path | None = None
    """An RSA key in PEM, of 1024 bits at least, readable by us and by nobody else. A relative path is relative to the
    folder of lamson.toml. Read at start; a new one counts from the next reload. Needed."""


class Timers(Section):
    """How `@after` is kept."""

    sweep_s: Seconds = 30
    """Seconds between two looks for timers whose time has come."""
    lease_s: Annotated[float, Field(ge=2, le=86400)] = 900
    """Seconds until a timer is tried again whose function failed, or whose process died."""


class Retention(Section):
    """How long the database keeps what nobody needs any more."""

    history_days: Days = 90
    """Days that the steps of conversations are kept."""
    settled_days: Days = 5
    """Days that our answers are kept, for mail that Postfix sends again because an answer was lost. Not below
    Postfix's `maximal_queue_lifetime` (5 days)."""
    dead_letters_days: Days = 30
    """Days that generated mail is kept that was refused for good."""


class Metrics(Section):
    """The page for Prometheus and for health checks: `/metrics`, `/healthz`, `/readyz`."""

    listen: Listen = HostPort("127.0.0.1", 9125)
    """Address and port. The page has no password: keep it on loopback or a private network."""


class Log(Section):
    """The mail log, on standard error: journald, a container's runtime or the shell takes it from there."""

    format: Literal["text", "json"] = "text"
    """`text` is key=value, `json` one object a line."""
    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
    ] = "info"
    """`info` has one line per recipient; `warning` only what needs somebody."""


class Settings(BaseSettings):
    """Everything in lamson.toml, checked."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
    )

    app: Application = ""
    """The application, `module:name`, such as `app.main:app`, found from the folder of lamson.toml. Empty:
    every mail passes unchanged."""
    database: Database = ""
    """Where conversations live: `sqlite:///var/lamson.db` (one machine, one writer at a time),
    `postgresql+psycopg://user@host/name`, or `mariadb+pymysql://user@host/name`. A relative path of SQLite is
    relative to the folder of lamson.toml. Empty: `lamson.db` beside the quarantine where the application has state
    functions, otherwise none.

    On SQLite a mail's transaction keeps all others waiting until its relay is over, and deferred constraints of the
    application's tables are checked only in COMMIT, behind the relay; elsewhere conversations go on side by side, and
    PostgreSQL checks them before. MariaDB must be 10.6 or later (SKIP LOCKED); 10.11 was tested, with PyMySQL and
    asyncmy. It has no deferred constraints, and counts `state.lock_wait_s` in whole seconds; docs/howto/database.md
    tells the rest."""
    authserv_id: str = ""
    """Whose `Authentication-Results` `@requires` believes (RFC 8601): the name that our own border's filters write,
    such as OpenDKIM's `AuthservID`. Mail that is sent on carries its results in a seal (ARC), where there is a key
    (`[[signing]]`). Empty: nobody's, and nothing is sealed."""
    workers: Processes = 2
    """Processes, or `auto` for as many as there are cores. With one, a handler that holds the interpreter
    stops all mail until the supervisor has replaced it (`limits.stall_s`)."""
    pin_workers: bool | None = None
    """Whether each worker keeps to one core. The interpreter runs one thread at a time, and threads that hand it over
    from core to core cost conversations half of their speed: so by default where there is a database and handlers are
    `def`. Native threads (NumPy) and programs that handlers start keep to that core too: say `false` for those."""
    hostname: Hostname = Field(default_factory=socket.getfqdn)
    """Our name in the banner, in EHLO and in Received lines. By default the machine's own, fully
    qualified."""
    instance: Instance = ""
    """What this service is called in its `Received:` line and its greeting, by which it knows mail that comes
    round in a loop: letters, digits, `-` and `.`. Replicas that share the work should share it. Empty: made
    from `hostname` and `quarantine.path`."""
    door: tuple[Door, ...] = (Door(),)
    """The doors, one `[[door]]` table each; without any, one filter door with its defaults."""
    route: tuple[Route, ...] = ()
    """The `[[route]]` tables, asked in this order, before the routes of the application."""
    signing: tuple[Signing, ...] = ()
    """The `[[signing]]` tables, a key each."""
    relay: Relay = Relay()
    limits: Limits = Limits()
    quarantine: Quarantine = Quarantine()
    state: State = State()
    outbox: Outbox = Outbox()
    timers: Timers = Timers()
    retention: Retention = Retention()
    metrics: Metrics = Metrics()
    log: Log = Log()

    @property
    def identity(self) -> str:
        """`instance`, or what stands for it: the same after a restart, another for another service on this host."""
        own = f"{self.hostname}\n{self.quarantine.path}"
        return self.instance or hashlib.sha256(own.encode()).hexdigest()[:12]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given is what counts: `load` has put the environment over the file already, and a worker
        must get exactly the settings that the supervisor checked."""
        return (init_settings,)
