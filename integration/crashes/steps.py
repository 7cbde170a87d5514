"""What the handlers do, whichever way they are called; and the tables in which they leave their traces.

    count-NAME@app.test     one step further; an answer, and behind the second state a report to somebody else
    pass-NAME@app.test      handed on, with a header
    keep-NAME@app.test      quarantined
    refuse-NAME@app.test    refused
    wait-NAME@app.test      a timer is set, which leads back to START and answers

Law: whatever happens, happens in the transaction of its mail, and is counted by reading and writing: whoever runs
twice, or is not alone, leaves a number that is wrong.
"""

from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, update
from sqlalchemy.orm import Session

from lamsonproxy import Accept, Quarantine, Reject
from lamsonproxy.mail.verdict import Verdict

CAPTURES = {"act": "count|pass|keep|refuse|wait", "name": "[a-z-]+[0-9]*", "host": r"app\.test"}
ROUTE = "(act)-(name)@(host)"

NUMBER = "X-Mail"
"""The header by which a mail is known everywhere."""
STAMP = "X-Stamp"
"""The header that mail handed on is given."""

CLERK = "clerk@else.test"
TIMER_S = 0.5

tables = MetaData()
counted = Table(
    "crash_counted",
    tables,
    Column("conversation", String(64), primary_key=True),
    Column("n", Integer, nullable=False),
)
heard = Table(
    "crash_heard",
    tables,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("mail", String(64), nullable=False),
    Column("act", String(16), nullable=False),
    Column("conversation", String(64), nullable=False),
)

VERDICTS: dict[str, Verdict] = {
    "pass": Accept(),
    "keep": Quarantine("it is to be kept"),
    "refuse": Reject("5.7.1", "Not this one"),
}


def note(session: Session, mail: str, act: str, name: str) -> None:
    """One more for this conversation."""
    is_it = counted.c.conversation == name
    n = session.execute(select(counted.c.n).where(is_it)).scalar_one_or_none()
    if n is None:
        session.execute(insert(counted).values(conversation=name, n=1))
    else:
        session.execute(update(counted).where(is_it).values(n=n + 1))
    session.execute(insert(heard).values(mail=mail, act=act, conversation=name))


def number_of(mail: Any) -> str:
    """The number of a mail; a timer's has no message."""
    return str(mail.message.headers.get(NUMBER) or f"timer of {mail.sender.local}")


def answer(mail: Any, act: str, name: str) -> Verdict | None:
    """What one act does besides counting; a verdict where the conversation stays."""
    if act == "pass":
        mail.headers.add(STAMP, mail.state)
    if act in VERDICTS:
        return VERDICTS[act]
    mail.reply(subject=f"heard {number_of(mail)}", text="Yes.")
    if act == "count" and mail.state == "SECOND":
        mail.send(to=CLERK, from_=mail.recipient, subject=f"report of {name}", text="Two.")
    return None
