"""A column among so many values.

    select(...).where(among(table.c.id, "id", len(ids)))        listed("id", ids) are its values

Law: one statement for each number of values, made once: an expanding parameter is written into the text of a statement
at each execution, which costs as much as the execution.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, bindparam, false


def among(column: ColumnElement[str], name: str, count: int) -> ColumnElement[bool]:
    """Whether the column has one of `count` values."""
    return column.in_([bindparam(f"{name}{n}") for n in range(count)]) if count else false()


def listed(name: str, values: Sequence[str]) -> dict[str, str]:
    """These values as the parameters of `among`."""
    return {f"{name}{n}": value for n, value in enumerate(values)}
