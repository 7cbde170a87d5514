"""Confirmations: who is asked, and which answer counts. Tests of what Lamson does are named after its list, 2.7."""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from lamsonproxy import Address, AppError, Mail
from lamsonproxy.app.confirm import Confirmation, Pending
from lamsonproxy.app.scene import Scene
from lamsonproxy.mail.conversation import Outgoing, Question
from lamsonproxy.mail.correspondent import known_as
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.rendered import Rendered
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WANTS_IN = b"Subject: Let me in\r\n\r\nPlease.\r\n"
COOKS = "cooks@lists.example.org"
joining = Confirmation("join")
leaving = Confirmation("leave")


@dataclass
class Store:
    """Questions as a database keeps them: what mail asked and answered, once it is committed."""

    kept: tuple[Question, ...] = ()

    def mail(
        self,
        sender: str = "alice@example.com",
        *,
        to: str = COOKS,
        now: datetime = NOW,
        raw: bytes = WANTS_IN,
        scene: Scene | None = None,
    ) -> Mail:
        recipient, correspondent = Recipient(Address(to)), known_as(Address(sender))
        envelope = Envelope(Address(sender), (recipient, Recipient(Address("secret@example.org"))))
        transaction = Transaction("TRACE", Session("lmtp", "127.0.0.1"), envelope, Message(raw))
        own = tuple(question for question in self.kept if question.correspondent == correspondent)
        scene = replace(
            scene or Scene(), now=now, correspondent=correspondent, questions=own, has_questions=True
        )
        return Mail(transaction, recipient, deadline=540.0, scene=scene)

    def commit(self, mail: Mail) -> None:
        new, gone = mail.effects.questions, [question.id for question in mail.effects.answered]
        over = {*gone, *(question.id for question in new)}
        self.kept = (*(question for question in self.kept if question.id not in over), *new)

    def asks(
        self, sender: str = "alice@example.com", *, to: str = COOKS, which: Confirmation = joining
    ) -> str:
        """The address from which a correspondent is asked."""
        mail = self.mail(sender, to=to)
        assert which.ask(mail)
        self.commit(mail)
        return str(read(mail.effects.outgoing[-1])["From"])


def read(outgoing: Outgoing) -> EmailMessage:
    message = message_from_bytes(outgoing.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def secret_in(address: str) -> str:
    found = re.fullmatch(r".+-confirm-([0-9a-f]{32})\"?@.+", address)
    assert found, address
    return found[1]


@dataclass(frozen=True)
class Folder:
    """Templates that show their variables."""

    shown: dict[str, object]

    def render(self, name: str, variables: Mapping[str, object]) -> Rendered:
        self.shown.update(variables)
        return Rendered((("Subject", "Do you?"),), f"{name} asks\n")


# -- what Lamson does ----------------------------------------------------------------------------------------


def test_2_7_register_gives_the_target_with_a_secret() -> None:
    assert re.fullmatch(r"cooks-confirm-[0-9a-f]{32}@lists\.example\.org", Store().asks())


def test_2_7_send_writes_to_the_sender_from_and_with_replies_to_the_confirm_address() -> None:
    mail = Store().mail()
    assert joining.ask(mail)
    (outgoing,) = mail.effects.outgoing
    asked = read(outgoing)
    assert asked["To"] == "alice@example.com"
    assert asked["From"] == asked["Reply-To"]
    assert asked["Subject"] == "Confirmation required"
    assert asked["Auto-Submitted"] == "auto-replied"
    assert (outgoing.kind, str(outgoing.envelope.sender)) == ("ask", "")


def test_2_7_send_leaves_the_variables_alone() -> None:
    shown: dict[str, object] = {}
    mail = Store().mail(scene=Scene(templates=Folder(shown), captures={"list_name": "cooks"}))
    variables: dict[str, object] = {"n": 3}
    assert Confirmation("join", "confirm.mako").ask(mail, **variables)
    address = str(read(mail.effects.outgoing[0])["From"])
    assert shown == {"mail": mail, "list_name": "cooks", "n": 3, "confirm_address": address}
    assert variables == {"n": 3}
    assert read(mail.effects.outgoing[0])["Subject"] == "Do you?"


def test_2_7_verify_gives_the_original_mail_back() -> None:
    store = Store()
    address = store.asks()
    mail = store.mail(to=address, raw=b"Subject: Yes\r\n\r\n")
    pending = joining.answered(mail, secret_in(address))
    assert isinstance(pending, Pending)
    assert pending
    assert pending.message.raw == WANTS_IN
    assert (str(pending.sender), str(pending.recipient)) == ("alice@example.com", COOKS)
    assert mail.is_confirmed
    assert mail.effects.is_confirmed


def test_2_7_verify_gives_nothing_for_a_wrong_secret_or_none_or_somebody_elses() -> None:
    store = Store()
    address, foreign = store.asks(), store.asks("bob@example.net")
    for secret in ("0" * 32, "", None, secret_in(address)[:-1], secret_in(foreign), "\udce9", "ü"):
        mail = store.mail(to=address)
        assert joining.answered(mail, secret) is None
        assert not mail.effects
        assert not mail.is_confirmed


def test_2_7_store_keeps_one_question_of_a_target_and_a_sender_the_newest() -> None:
    store = Store()
    first, second = store.asks(), store.asks()
    assert len(store.kept) == 1
    assert joining.answered(store.mail(to=first), secret_in(first)) is None
    assert joining.answered(store.mail(to=second), secret_in(second))


def test_2_7_store_keeps_targets_senders_and_names_apart() -> None:
    store = Store()
    asked = [
        (joining, "alice@example.com", store.asks()),
        (joining, "alice@example.com", store.asks(to="bakers@lists.example.org")),
        (joining, "alice@example.com", store.asks(to="cooks@other.example.org")),
        (joining, "bob@example.net", store.asks("bob@example.net")),
        (leaving, "alice@example.com", store.asks(which=leaving)),
    ]
    assert len(store.kept) == len(asked)
    for which, sender, address in asked:
        assert which.answered(store.mail(sender, to=address), secret_in(address))


def test_2_7_cancel_forgets_the_question() -> None:
    store = Store()
    address = store.asks()
    mail = store.mail()
    assert joining.cancel(mail)
    assert not joining.cancel(mail)
    store.commit(mail)
    assert store.kept == ()
    assert joining.answered(store.mail(to=address), secret_in(address)) is None
    assert not joining.cancel(store.mail())


def test_2_7_cancel_works_from_the_confirm_address_too() -> None:
    store = Store()
    assert joining.cancel(store.mail(to=store.asks()))


def test_2_7_fix_nothing_is_shared_but_the_database() -> None:
    store, other = Store(), Store()
    address = store.asks()
    assert joining.answered(other.mail(to=address), secret_in(address)) is None


def test_2_7_fix_a_question_expires() -> None:
    store = Store()
    address = store.asks()
    late = store.mail(to=address, now=NOW + timedelta(days=7))
    assert joining.answered(late, secret_in(address)) is None
    assert not joining.cancel(late)
    in_time = store.mail(to=address, now=NOW + timedelta(days=7, seconds=-1))
    assert joining.answered(in_time, secret_in(address))


def test_2_7_fix_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    store, compared = Store(), []
    address = store.asks()

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert joining.answered(store.mail(to=address), secret_in(address)) is None
    assert len(compared) == 1


def test_2_7_fix_a_secret_whose_capitals_were_changed_on_the_way_still_counts() -> None:
    store = Store()
    address = store.asks().upper()
    assert joining.answered(store.mail(to=address), secret_in(address.lower()).upper())


# -- the rest ------------------------------------------------------------------------------------------------


@pytest.mark.fault("C7")
def test_a_secret_works_once() -> None:
    store = Store()
    address = store.asks()
    mail = store.mail(to=address)
    assert joining.answered(mail, secret_in(address))
    assert joining.answered(mail, secret_in(address)) is None
    store.commit(mail)
    assert joining.answered(store.mail(to=address), secret_in(address)) is None


@pytest.mark.fault("C7")
def test_a_foreign_sender_is_refused_and_moves_nothing() -> None:
    store = Store()
    address = store.asks()
    mallory = store.mail("mallory@example.net", to=address)
    assert joining.answered(mallory, secret_in(address)) is None
    assert not mallory.effects
    assert joining.answered(store.mail(to=address), secret_in(address))


@pytest.mark.fault("C7")
def test_a_secret_is_of_no_use_at_another_address_or_for_another_question() -> None:
    store = Store()
    secret = secret_in(store.asks())
    for to in (
        "bakers@lists.example.org",
        "cooks@evil.example",
        f"bakers-confirm-{secret}@lists.example.org",
    ):
        assert joining.answered(store.mail(to=to), secret) is None
    assert leaving.answered(store.mail(), secret) is None


@pytest.mark.fault("C7")
def test_a_secret_has_128_bits_and_is_nowhere_but_in_the_mail_that_asks() -> None:
    store = Store()
    secrets = {secret_in(store.asks()) for _ in range(100)}
    assert len(secrets) == 100
    assert not any(secret in repr(question) for question in store.kept for secret in secrets)


@pytest.mark.fault("C7")
def test_the_secret_is_not_sent_to_the_host_that_wrapped_the_sender() -> None:
    mail = Store().mail("SRS0=HHHH=TT=example.com=alice@evil.example")
    assert joining.ask(mail)
    (recipient,) = mail.effects.outgoing[0].envelope.recipients
    assert str(recipient.address) == "alice@example.com"


def test_an_answer_whose_sender_was_wrapped_differently_counts() -> None:
    store = Store()
    address = store.asks("prvs=0123abcdef=alice@example.com")
    assert joining.answered(store.mail("Alice@EXAMPLE.com", to=address), secret_in(address))


def test_who_answers_with_a_wrong_code_is_asked_again_from_a_fresh_address() -> None:
    store = Store()
    for local in (
        "cooks",
        f"cooks-confirm-{'0' * 32}",
        f"cooks-confirm-{'z' * 32}",
        f"Cooks-CONFIRM-{'F' * 32}",
    ):
        assert store.asks(to=f"{local}@lists.example.org").lower().startswith("cooks-confirm-")
        assert store.asks(to=f"{local}@lists.example.org").lower().count("-confirm-") == 1


def test_a_list_may_have_confirm_in_its_name() -> None:
    assert Store().asks(to="pre-confirm-team@x.example").startswith("pre-confirm-team-confirm-")


def test_a_quoted_local_part_stays_quoted() -> None:
    store = Store()
    address = store.asks(to='"two words"@lists.example.org')
    assert re.fullmatch(r'"two words-confirm-[0-9a-f]{32}"@lists\.example\.org', address)
    assert joining.answered(store.mail(to=address), secret_in(address))


def test_the_other_recipients_of_the_mail_are_not_kept() -> None:
    store = Store()
    store.asks()
    assert [str(r.address) for r in store.kept[0].envelope.recipients] == [COOKS]


def test_what_was_asked_last_counts_within_one_mail_too() -> None:
    store = Store()
    old = store.asks()
    mail = store.mail()
    assert joining.ask(mail) and joining.ask(mail)
    assert joining.answered(mail, secret_in(old)) is None
    store.commit(mail)
    new = str(read(mail.effects.outgoing[-1])["From"])
    assert joining.answered(store.mail(to=new), secret_in(new))


def test_what_was_asked_by_this_mail_can_be_cancelled_by_it() -> None:
    mail = Store().mail()
    assert joining.ask(mail)
    assert joining.cancel(mail)
    assert mail.effects.answered == mail.effects.questions


@pytest.mark.fault("C6")
@pytest.mark.parametrize("raw", [b"Auto-Submitted: auto-replied\r\n\r\n", b"List-Id: <x>\r\n\r\n"])
def test_a_machine_is_not_asked(raw: bytes) -> None:
    mail = Store().mail(raw=raw)
    assert not joining.ask(mail)
    assert not mail.effects
    assert len(mail.effects.withheld) == 1


@pytest.mark.fault("C6")
def test_questions_count_as_answers_for_the_limit() -> None:
    mail = Store().mail(scene=Scene(replies_left=1))
    assert joining.ask(mail)
    assert not leaving.ask(mail)
    assert not mail.reply(text="x")


@pytest.mark.parametrize("act", ["ask", "answered", "cancel"])
def test_without_a_database_a_confirmation_is_refused_in_a_sentence(act: str) -> None:
    mail = Store().mail()
    mail._enter(Scene())
    arguments: Sequence[object] = [mail, "x"] if act == "answered" else [mail]
    with pytest.raises(AppError, match="confirmation join needs a database"):
        getattr(joining, act)(*arguments)


def test_a_question_with_words_of_its_own_needs_no_template() -> None:
    mail = Store().mail()
    assert Confirmation("join", subject="Really?", text="Is it you?").ask(mail)
    asked = read(mail.effects.outgoing[0])
    assert (asked["Subject"], asked.get_content()) == ("Really?", "Is it you?\r\n")


def test_variables_without_a_template_are_refused() -> None:
    with pytest.raises(AppError, match="nobody reads list_name"):
        joining.ask(Store().mail(), list_name="cooks")
