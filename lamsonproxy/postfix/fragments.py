"""What a door adds to Postfix's configuration, as values: entries, options and parameters, each with its reason.

    Parameter   a line of main.cf
    Option      a line `-o name=value` below an entry of master.cf
    Entry       a service of master.cf that is ours: the re-entry, the transport
    Fragments   all of one door; `doors/` makes them

Law: these are the one source. plan, apply, doctor, --emit and postfix-conf/ read them and nothing else, so that what
is explained is what is done, and what is done is what is checked.

master(5), postconf(5).
"""

from dataclasses import dataclass, replace

TRANSPORT = "lamson"
"""The name of our transport. Not `scan` or `smtp-amavis`: those may be somebody's already."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of main.cf. With `joins`, the value goes in front of (or behind) what is there already."""

    name: str
    value: str
    why: str
    source: str
    joins: str = ""
    """"": the value replaces; "front": it is put in front of the present value; "end": behind it."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of an entry. `is_grave`: without it mail is lost, looped, doubled or not delivered."""

    name: str
    value: str
    why: str
    source: str
    is_grave: bool = False
    also: tuple[str, ...] = ()
    """Other values that are as good."""
    adds: bool = False
    """On an entry that is not ours: the words are added to those that are there already."""

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A service of master.cf; the columns that are not named here are `-`, `-`, `n` (no chroot), `-`."""

    name: str
    type: str
    private: str
    maxproc: str
    command: str
    why: str
    source: str
    options: tuple[Option, ...] = ()

    @property
    def key(self) -> str:
        """As postconf(1) names it."""
        return f"{self.name}/{self.type}"

    @property
    def columns(self) -> str:
        head = f"{self.name:<10} {self.type:<5} {self.private:<7}"
        return f"{head} -       n       -       {self.maxproc:<7} {self.command}"

    @property
    def line(self) -> str:
        """The entry as one line, for `postconf -M`."""
        return " ".join([*self.columns.split(), *(f"-o {_braced(option)}" for option in self.options)])

    def without(self, *names: str) -> "Entry":
        """The entry without the options of these names."""
        return replace(self, options=tuple(option for option in self.options if option.name not in names))


def _braced(option: Option) -> str:
    # master(5): a value with blanks stands in braces, since Postfix 3.0.
    return f"{{{option}}}" if " " in option.value else str(option)


@dataclass(frozen=True, slots=True)
class Fragments:
    """All that one door needs; `transport` is empty before the queue, `front` where no service is changed."""

    door: str
    reentry: Entry
    transport: tuple[Entry, ...]
    parameters: tuple[Parameter, ...]
    front: tuple[Option, ...]
    """For each of the services whose mail is to be handed over: what turns the door on."""
    routing: tuple[Parameter, ...] = ()
    """What turns the door on in main.cf."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (self.reentry, *self.transport)
