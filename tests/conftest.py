"""What every test run has in common: how long the property tests look for trouble, and one server of each kind."""

from hypothesis import settings

from tests.mariadb import mariadb as mariadb  # a fixture
from tests.postgres import postgresql as postgresql  # a fixture

# No time limit for an example: a machine may be busy, and what takes too long is measured elsewhere. The same examples
# in each run: what fails has been changed; `make fuzz` is for what nobody has thought of.
settings.register_profile("quick", deadline=None, derandomize=True)
# `make fuzz`; a test that names its own number of examples keeps it.
settings.register_profile("fuzz", max_examples=20_000, deadline=None)
settings.load_profile("quick")
