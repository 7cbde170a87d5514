"""Django's connections in the threads of handlers."""

from functools import wraps

from django.db import close_old_connections


def with_django(handler):
    """What Django does around each request: every thread has a connection of its own, and one that is broken or too old
    (CONN_MAX_AGE) is closed. It stands below @route."""

    @wraps(handler)
    def handled(mail, **captures):
        close_old_connections()
        try:
            return handler(mail, **captures)
        finally:
            close_old_connections()

    return handled
