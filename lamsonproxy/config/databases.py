"""Which database a service has.

Law: nothing here opens one. A filter without state has none, and pays for none: whoever needs SQLAlchemy imports it
when it is known that there is a database.
"""

from lamsonproxy.app.machines import Machines
from lamsonproxy.config.settings import Settings


def database_of(settings: Settings, machines: Machines) -> str:
    """The URL of the database; "" where none is needed."""
    return settings.database or (default_database(settings) if machines.machines else "")


def default_database(settings: Settings) -> str:
    """The database of an application with state functions that names none: a file beside the quarantine, because there
    we may write (`var/lamson.db`)."""
    return f"sqlite:///{settings.quarantine.path.parent / 'lamson.db'}"
