"""The application of the benchmark of conversations: each mail is one step, and one of four is answered."""

from lamsonproxy import App, Consume, route, stateless
from lamsonproxy.app.mail import Mail

STATE_KEY = ("number",)


@route("step-(number)@talks\\.example")
def START(mail: Mail, number: str) -> object:
    return TALKING


@route("step-(number)@talks\\.example")
def TALKING(mail: Mail, number: str) -> object:
    return START


@route("talk-(number)@talks\\.example")
@stateless
def take(mail: Mail, number: str) -> Consume:
    return Consume()


app = App("benchmarks.talks", captures={"number": "[0-9]+"})
