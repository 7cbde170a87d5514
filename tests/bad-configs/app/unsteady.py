from typing import Any

from lamsonproxy import App, route

app = App("app.unsteady")

STATE_KEY = "list_name"


@route("(list_name)@example.org", list_name="[a-z]+")
def START(mail: object, list_name: str) -> object:
    return POSTING


@route("(list_name)@example.org", list_name="[a-z]+")
async def POSTING(mail: object, list_name: str) -> None:
    pass


@route("postmaster", phase="rcpt")
@route("postmaster")
def CHECKING(mail: object) -> Any:
    pass
