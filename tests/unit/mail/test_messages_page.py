"""docs/messages.md does what it says."""

import doctest
import re
from pathlib import Path

from lamsonproxy.app.mail import Mail
from tests.engine_rig import mail as transaction_of

PAGE = Path(__file__).parents[3] / "docs" / "messages.md"


def test_the_examples_of_the_page_give_what_stands_there() -> None:
    text = PAGE.read_text()
    found = re.search(r"```text\n(From: .*?)```", text, re.DOTALL)
    assert found
    transaction = transaction_of("cooks@example.org", content=found[1].replace("\n", "\r\n").encode())
    mail = Mail(transaction, transaction.envelope.recipients[0], deadline=0.0)
    page = doctest.DocTestParser().get_doctest(text, {"mail": mail}, PAGE.name, str(PAGE), 0)
    said: list[str] = []
    doctest.DocTestRunner().run(page, out=said.append)
    assert said == []
    assert len(page.examples) > 20
