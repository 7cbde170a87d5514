"""The application of the benchmark: one header added to every mail, by a plain function and by a coroutine."""

from lamsonproxy import App, route, stateless
from lamsonproxy.app.mail import Mail


@route("(anybody)@thread\\.example")
@stateless
def stamp(mail: Mail, anybody: str) -> None:
    mail.headers.add("X-Checked-By", "lamsonproxy")


@route("(anybody)@loop\\.example")
@stateless
async def stamp_on_the_loop(mail: Mail, anybody: str) -> None:
    mail.headers.add("X-Checked-By", "lamsonproxy")


app = App("benchmarks.app", captures={"anybody": ".+"})
