"""The application with `async def` handlers."""

from typing import Any

from integration.crashes.steps import CAPTURES, ROUTE, TIMER_S, answer, note, number_of, tables
from lamsonproxy import App, after, leads_to, route, route_like

STATE_KEY = ("name",)

app = App(__name__, captures=CAPTURES, tables=tables)


async def _step(mail: Any, act: str, name: str, next_one: Any) -> Any:
    await mail.db.run_sync(note, number_of(mail), act, name)
    return answer(mail, act, name) or (WAITING if act == "wait" else next_one)


@route(ROUTE)
@leads_to("SECOND", "WAITING")
async def START(mail: Any, act: str, name: str, host: str) -> Any:
    return await _step(mail, act, name, SECOND)


@route_like(START)
@leads_to("THIRD", "WAITING")
async def SECOND(mail: Any, act: str, name: str, host: str) -> Any:
    return await _step(mail, act, name, THIRD)


@route_like(START)
@leads_to("START", "WAITING")
async def THIRD(mail: Any, act: str, name: str, host: str) -> Any:
    return await _step(mail, act, name, START)


@after(seconds=TIMER_S, to="EXPIRED")
@route_like(START)
@leads_to("WAITING")
async def WAITING(mail: Any, act: str, name: str, host: str) -> Any:
    return await _step(mail, act, name, WAITING)


async def EXPIRED(mail: Any, name: str) -> Any:
    await mail.db.run_sync(note, number_of(mail), "timer", name)
    answer(mail, "timer", name)
    return START
