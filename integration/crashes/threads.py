"""The application with `def` handlers."""

from typing import Any

from integration.crashes.steps import CAPTURES, ROUTE, TIMER_S, answer, note, number_of, tables
from lamsonproxy import App, after, leads_to, route, route_like

STATE_KEY = ("name",)

app = App(__name__, captures=CAPTURES, tables=tables)


def _step(mail: Any, act: str, name: str, next_one: Any) -> Any:
    note(mail.db, number_of(mail), act, name)
    return answer(mail, act, name) or (WAITING if act == "wait" else next_one)


@route(ROUTE)
@leads_to("SECOND", "WAITING")
def START(mail: Any, act: str, name: str, host: str) -> Any:
    return _step(mail, act, name, SECOND)


@route_like(START)
@leads_to("THIRD", "WAITING")
def SECOND(mail: Any, act: str, name: str, host: str) -> Any:
    return _step(mail, act, name, THIRD)


@route_like(START)
@leads_to("START", "WAITING")
def THIRD(mail: Any, act: str, name: str, host: str) -> Any:
    return _step(mail, act, name, START)


@after(seconds=TIMER_S, to="EXPIRED")
@route_like(START)
@leads_to("WAITING")
def WAITING(mail: Any, act: str, name: str, host: str) -> Any:
    return _step(mail, act, name, WAITING)


def EXPIRED(mail: Any, name: str) -> Any:
    note(mail.db, number_of(mail), "timer", name)
    answer(mail, "timer", name)
    return START
