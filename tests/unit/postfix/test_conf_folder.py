"""postfix-conf/ and the tables of docs/postfix.md are what the code would write, and no line lacks its reason."""

from pathlib import Path

import pytest

from lamsonproxy.postfix.choices import DOORS, DoorKind
from lamsonproxy.postfix.doors import fragments
from lamsonproxy.postfix.emit import every_door, example
from lamsonproxy.postfix.manual import with_tables

PAGE = Path(__file__).parents[3] / "docs" / "postfix.md"
FOLDER = Path(__file__).parents[3] / "postfix-conf"


def test_the_folder_holds_what_the_code_writes_and_nothing_else() -> None:
    present = {str(p.relative_to(FOLDER)): p.read_text("utf-8") for p in FOLDER.rglob("*") if p.is_file()}
    present.pop("README.md", None)
    assert present == dict(every_door())


def test_the_tables_of_the_page_are_those_of_the_code() -> None:
    page = PAGE.read_text("utf-8")
    assert page == with_tables(page)
    assert page.count("<!-- table: ") == len(DOORS)


@pytest.mark.parametrize("door", DOORS)
def test_every_line_has_a_reason_and_a_source(door: DoorKind) -> None:
    found = fragments(example(door))
    for entry in found.entries:
        assert entry.why and entry.source
        for option in entry.options:
            assert option.why and option.source, option
    assert all(option.why and option.source for option in found.front)
    assert all(parameter.why and parameter.source for parameter in (*found.parameters, *found.routing))


@pytest.mark.parametrize("door", DOORS)
def test_no_option_is_given_twice(door: DoorKind) -> None:
    for entry in fragments(example(door)).entries:
        names = [option.name for option in entry.options]
        assert len(names) == len(set(names))
