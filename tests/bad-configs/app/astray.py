from lamsonproxy import App, route, stateless

app = App("app.astray")


@route("list@example.org")
def POSTING(mail: object) -> object:
    return DONE


def DONE(mail: object) -> None:
    pass


@route("log@example.org")
@stateless
def log(mail: object) -> object:
    return POSTING
