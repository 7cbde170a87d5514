"""docs/routes.md is true: its examples are run."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamsonproxy import App, AppError
from lamsonproxy.app.routing import Match, compile_format
from tests.unit.app.conftest import Write

PAGE = Path(__file__).parents[3] / "docs" / "routes.md"
CAPTURES = {"host": r"lists\.example\.org", "list_name": "[a-z]+"}
_EXAMPLE = re.compile(r"```python\n((?:(?!```).)*)```\n```text\n(.*?)```", re.DOTALL)
_REFUSED = re.compile(r"^\| .+? \| `(.+?)` \| `(.+?)` \|$", re.MULTILINE)


def examples() -> Iterator[tuple[str, str, str]]:
    for source, lines in _EXAMPLE.findall(PAGE.read_text()):
        for line in lines.splitlines():
            address, _, met = line.partition(" ")
            yield source, address, met.strip()


def told(match: Match) -> str:
    captures = (f"{name}={text}" for name, text in match.captures.items())
    when = ("RCPT",) if match.route.phase == "rcpt" else ()
    return " ".join((*when, match.route.name.removeprefix("hands."), *captures))


@pytest.mark.parametrize(("source", "address", "met"), list(examples()))
def test_an_address_meets_the_handlers_that_the_page_names(
    write: Write, source: str, address: str, met: str
) -> None:
    write("hands", source)
    routes = App("hands", captures=CAPTURES).load()
    found = ", ".join(map(told, (*routes.matches(address, "rcpt"), *routes.matches(address))))
    assert (found or "nobody") == met


@pytest.mark.fault("C8")
@pytest.mark.parametrize(("slow", "cure"), _REFUSED.findall(PAGE.read_text().partition("is refused when")[2]))
def test_what_the_page_calls_slow_is_refused_and_its_cure_is_not(slow: str, cure: str) -> None:
    with pytest.raises(AppError, match="catastrophically"):
        compile_format(slow.replace(r"\|", "|"), CAPTURES)
    compile_format(cure, CAPTURES)
