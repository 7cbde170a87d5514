from lamsonproxy import App, Mail, route, stateless


@route(".+")
@stateless
def answer(mail: Mail) -> None:
    mail.reply("letter.mako")


app = App("app.written", templates="app/templates")
