"""The commands and their arguments; what each does is in the module of its name, such as `lamsonproxy.cli.send`.

    parameters   what several groups take, and how each tells what went wrong
    plain        the commands of one word
    quarantine  states  outbox  db  postfix
                 the groups

Law: `--help` shows the commands in the order in which they stand: the plain ones first, then the groups as they are
added here. A new command is a function in one of these modules with `@app.command()` or `@group.command("name")`, a
docstring for --help, and its imports inside, for all of these modules are loaded whichever command it is.
"""

from lamsonproxy.cli.commands import db, outbox, postfix, quarantine, states
from lamsonproxy.cli.commands.plain import app

app.add_typer(quarantine.group, name="quarantine")
app.add_typer(states.group, name="states")
app.add_typer(outbox.group, name="outbox")
app.add_typer(db.group, name="db")
app.add_typer(postfix.group, name="postfix")

__all__ = ["app"]
