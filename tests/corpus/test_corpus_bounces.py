"""Bounces: 260 real ones are known for what they are, other mail is not taken for one, and nothing is too much."""

import json
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamsonproxy.mail.bounce import Bounce, parse_bounce
from lamsonproxy.mail.bounces.reasons import REASONS
from tests.corpus.bombs import BOMBS
from tests.corpus.odd import ODD

FOLDER = Path(__file__).parent
BOUNCES = {path.stem: path.read_bytes() for path in sorted((FOLDER / "bounces").glob("*.eml"))}
EXPECTED = json.loads((FOLDER / "bounces" / "expected.json").read_text())
OTHERS = sorted((FOLDER / "mails").glob("*.eml"))

CPU_LIMIT_S = 1.0
MEDIAN_LIMIT_S = 0.05


@pytest.fixture(scope="module")
def read() -> dict[str, Bounce | None]:
    return {name: parse_bounce(raw) for name, raw in BOUNCES.items()}


def _agreeing(read: dict[str, Bounce | None], *fields: str) -> float:
    """The share of mails whose recipients all say what is expected."""
    agreed = 0
    for name, expected in EXPECTED.items():
        recipients = bounce.recipients if (bounce := read[name]) else ()
        said = [tuple(getattr(recipient, field) for field in fields) for recipient in recipients]
        agreed += said == [tuple(recipient[field] for field in fields) for recipient in expected]
    return agreed / len(EXPECTED)


def test_the_corpus_is_whole() -> None:
    assert set(BOUNCES) == set(EXPECTED)
    assert {recipient["reason"] for expected in EXPECTED.values() for recipient in expected} == REASONS


def test_real_bounces_are_recognised_with_their_recipients_and_reasons(
    read: dict[str, Bounce | None],
) -> None:
    recognised = sum(bounce is not None for bounce in read.values()) / len(read)
    number, hard, reason = _agreeing(read), _agreeing(read, "hard"), _agreeing(read, "reason")
    print(f"recognised {recognised:.1%}, number {number:.1%}, hard {hard:.1%}, reason {reason:.1%}")
    assert recognised >= 0.98
    assert number >= 0.95
    assert hard >= 0.95
    assert reason >= 0.90


def test_a_bounce_says_the_same_with_lf_and_with_crlf(read: dict[str, Bounce | None]) -> None:
    for name, raw in BOUNCES.items():
        with_lf = raw.replace(b"\r\n", b"\n")
        for spelling in (with_lf, with_lf.replace(b"\n", b"\r\n")):
            bounce, expected = parse_bounce(spelling), read[name]
            assert bounce is not None and expected is not None, name
            assert (bounce.kind, bounce.recipients) == (expected.kind, expected.recipients), name


def test_feedback_vacations_and_deliveries_are_no_failures(read: dict[str, Bounce | None]) -> None:
    for name, expected in EXPECTED.items():
        bounce = read[name]
        reasons = {recipient["reason"] for recipient in expected}
        if bounce and reasons <= {"feedback", "vacation", "delivered"}:
            assert {bounce.kind} == reasons, name
            assert not bounce.hard


@pytest.mark.parametrize(
    "mail", [m for m in OTHERS if m.stem.startswith("easyham")], ids=lambda path: path.stem
)
def test_a_mail_that_somebody_wrote_is_no_bounce(mail: Path) -> None:
    assert parse_bounce(mail.read_bytes()) is None


@pytest.mark.fault("C9")
def test_bounces_are_read_within_the_limits() -> None:
    costs = [_cost(raw) for raw in (*BOUNCES.values(), *(mail.read_bytes() for mail in OTHERS))]
    assert statistics.median(costs) <= MEDIAN_LIMIT_S
    assert max(costs) <= CPU_LIMIT_S


@pytest.mark.fault("C9")
@pytest.mark.parametrize("name", [*BOMBS, *ODD])
def test_a_bomb_is_read_as_a_bounce_within_the_limits(name: str) -> None:
    raw = (BOMBS | ODD)[name]()
    assert _cost(raw) <= CPU_LIMIT_S
    assert _cost(b"Return-Path: <>\r\nX-Failed-Recipients: a@example.com\r\n" + raw) <= CPU_LIMIT_S


def _cost(raw: bytes) -> float:
    """Seconds of CPU, the least of three: a busy machine's seconds hold less work."""
    return min(_cost_once(raw) for _ in range(3))


def _cost_once(raw: bytes) -> float:
    begin = time.process_time()
    parse_bounce(raw)
    return time.process_time() - begin


@pytest.mark.fault("C9")
@pytest.mark.parametrize("seed", range(8))
def test_a_bounce_that_was_damaged_is_read_or_is_none(seed: int) -> None:
    chance = random.Random(seed)
    for raw in BOUNCES.values():
        for damaged in _damaged(raw, chance):
            bounce = parse_bounce(damaged)
            assert bounce is None or {recipient.reason for recipient in bounce.recipients} <= REASONS


def _damaged(raw: bytes, chance: random.Random) -> Iterator[bytes]:
    at, to = sorted(chance.randrange(len(raw) + 1) for _ in range(2))
    yield raw[:at]
    yield raw[:at] + raw[to:]
    yield raw[:at] + bytes(chance.randrange(256) for _ in range(chance.randrange(40))) + raw[at:]
    lines = raw.split(b"\n")
    chance.shuffle(lines)
    yield b"\n".join(lines)
