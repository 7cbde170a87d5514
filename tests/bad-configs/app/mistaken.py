from lamsonproxy import App, route, stateless

app = App("app.mistaken")


@route("(list_name)@example.org")
@stateless
def undefined(mail: object, list_name: str) -> None:
    pass


@route(r"(\w+\.?)+@example.org")
@stateless
def slow(mail: object) -> None:
    pass
