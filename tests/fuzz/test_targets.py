"""The targets hold for every seed and for whatever was found, on every Python: a finding is a test from then on."""

from pathlib import Path

import pytest

from tests.fuzz.seeds import folders_of
from tests.fuzz.targets import TARGETS

_CASES = [
    pytest.param(name, path, id=f"{name}-{path.name}")
    for name in TARGETS
    for path in sorted(folders_of(name)[0].iterdir())
]


@pytest.mark.fault("C1")
@pytest.mark.parametrize(("name", "path"), _CASES)
def test_a_target_holds_for_a_seed(name: str, path: Path) -> None:
    TARGETS[name](path.read_bytes())
