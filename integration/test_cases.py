"""Every file of cases/, sent through Postfix, the service and Postfix again."""

from pathlib import Path

import pytest

from integration import arrival
from integration.case_file import Arrival, Case, Decision, read_case
from integration.children import poll
from integration.conftest import Rig
from tests.downstream import SunkMail

CASES = [read_case(path) for path in sorted((Path(__file__).parent / "cases").glob("*.case"))]
LIMIT_S = 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_case_ends_as_its_file_says(rig: Rig, case: Case) -> None:
    seen = len(rig.postfix.log()), len(rig.service.log())
    queue_id = rig.postfix.send(case.mail).split()[-1]
    decided = _decisions(rig, queue_id, len(case.mail.recipients))
    for decision in case.decisions:
        _check_decision(decision, decided[decision.recipient])
    poll(f"{len(case.arrivals)} arrive", lambda: _arrived(rig) >= len(case.arrivals), LIMIT_S)
    poll("nothing is under way", lambda: _is_at_rest(rig), LIMIT_S)
    _check_arrivals(case, rig.sink.mails)
    _check_traces_elsewhere(case, rig, *seen)


def test_every_recipient_of_every_case_has_a_decision() -> None:
    for case in CASES:
        decided = {decision.recipient for decision in case.decisions}
        assert decided == {rcpt.address for rcpt in case.mail.recipients}, case.name


def _decisions(rig: Rig, queue_id: str, recipients: int) -> dict[str, dict[str, str]]:
    """What became of each recipient at the first attempt to hand the mail to the filter."""
    decided: dict[str, dict[str, str]] = {}

    def are_all_there() -> bool:
        for delivery in rig.postfix.deliveries():
            if delivery["id"] == queue_id:
                decided.setdefault(delivery["to"], delivery)
        return len(decided) == recipients

    poll("the filter has decided", are_all_there, LIMIT_S)
    return decided


def _check_decision(expected: Decision, found: dict[str, str]) -> None:
    assert (found["status"], found["dsn"]) == (expected.status, expected.dsn), found["text"]
    assert expected.words in found["text"]


def _arrived(rig: Rig) -> int:
    return sum(len(mail.rcpts) for mail in rig.sink.mails)


def _is_at_rest(rig: Rig) -> bool:
    return all(mail["queue_name"] == "deferred" for mail in rig.postfix.queue())


def _check_arrivals(case: Case, mails: list[SunkMail]) -> None:
    found = arrival.by_recipient(mails)
    assert sorted(found) == sorted(expected.recipient for expected in case.arrivals)
    for expected in case.arrivals:
        (mail,) = found[expected.recipient]
        _check_arrival(expected, mail, case.mail.content)
        assert not any(words.encode() in mail.content for words in case.never)


def _check_arrival(expected: Arrival, mail: SunkMail, sent: bytes) -> None:
    assert set(expected.parameters) <= set(arrival.recipients(mail)[expected.recipient])
    if expected.sender is not None:
        sender, parameters = arrival.address_and_parameters(mail.mail)
        assert sender == expected.sender
        assert set(expected.sender_parameters) <= set(parameters)
    if expected.words:
        assert all(words.encode() in mail.content for words in expected.words)
    else:
        below = arrival.below_trace(mail.content, arrival.HOPS_BY_FILTER)
        assert below == expected.content(sent)


def _check_traces_elsewhere(case: Case, rig: Rig, postfix_seen: int, service_seen: int) -> None:
    postfix_log = "\n".join(rig.postfix.log()[postfix_seen:])
    assert not any(words in postfix_log for words in case.never)
    poll("the log says so", lambda: _is_logged(case, rig.service.log()[service_seen:]), LIMIT_S)
    if case.kept:
        kept = rig.service.command("quarantine", "list", "--json")
        assert all(recipient in kept for recipient in case.kept)


def _is_logged(case: Case, lines: list[str]) -> bool:
    return all(any(words in line for line in lines) for words in case.logged)
