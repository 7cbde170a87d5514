"""Django, and an empty database of its own for each test."""

import os

import django
import pytest

os.environ["DJANGO_SETTINGS_MODULE"] = "helpdesk.settings"
django.setup()

from django.core.management import call_command  # noqa: E402 - it needs what was set up
from django.db import connections  # noqa: E402


@pytest.fixture(autouse=True)
def django_database(tmp_path_factory):
    """The path of the file. Handlers run in threads of their own, which a database in memory would not serve."""
    path = tmp_path_factory.mktemp("django") / "django.sqlite3"
    connections.close_all()
    connections["default"].settings_dict["NAME"] = path
    call_command("migrate", verbosity=0)
    yield path
    connections.close_all()
