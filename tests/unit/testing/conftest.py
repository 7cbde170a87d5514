"""The kit's fixtures, named here so that they are there where lamsonproxy is not installed."""

from lamsonproxy.testing.plugin import correspondent as correspondent
from lamsonproxy.testing.plugin import lamson_app as lamson_app
from lamsonproxy.testing.plugin import lamson_database as lamson_database
from lamsonproxy.testing.plugin import lamson_settings as lamson_settings
from lamsonproxy.testing.plugin import world as world
from tests.postgres import postgresql as postgresql  # one cluster for the whole run
