"""A column among so many values.

    select(...).where(among(table.c.id, "id", len(ids)))        listed("id", ids) are its values

Law: for a few values, which is nearly always, one statement for each number of them, made once: an expanding parameter
is written into the text of a statement at each execution, which costs as much as the execution. For many it is the
expanding one, or a server would come to know as many statements as there are numbers of recipients.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, bindparam, false

FEW = 4


def among(column: ColumnElement[str], name: str, count: int) -> ColumnElement[bool]:
    """Whether the column has one of `count` values."""
    if count > FEW:
        return column.in_(bindparam(name, expanding=True))
    return column.in_([bindparam(f"{name}{n}") for n in range(count)]) if count else false()


def listed(name: str, values: Collection[str]) -> dict[str, object]:
    """These values as the parameters of `among`."""
    if len(values) > FEW:
        return {name: list(values)}
    return {f"{name}{n}": value for n, value in enumerate(values)}
