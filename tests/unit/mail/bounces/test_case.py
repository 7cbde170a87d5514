"""Which of several things that a report says is believed, and what the same words mean elsewhere."""

import pytest

from lamsonproxy.mail.bounces.finding import Finding
from lamsonproxy.mail.bounces.normal import normal
from lamsonproxy.mail.bounces.reasons import HARD, judge


def reason_of(said: str, status: str = "", section: str = "", action: str = "failed") -> str:
    return judge(Finding("bob@example.com", action, status, said), section)[2]


def test_a_known_sentence_goes_before_a_telling_status() -> None:
    assert reason_of("550 5.1.1 <bob@example.com>: client host blocked") == "blocked"


def test_a_telling_status_goes_before_single_words() -> None:
    assert reason_of("550 5.1.1 <bob@example.com>: this envelope was not welcome") == "userunknown"
    assert reason_of("550 5.1.0 <bob@example.com>: this envelope was not welcome") == "rejected"


def test_single_words_go_before_what_the_text_for_people_says() -> None:
    assert reason_of("550 this envelope was not welcome", section="the mailbox is full") == "rejected"


def test_the_text_for_people_is_asked_where_the_reply_says_nothing() -> None:
    assert reason_of("550 sorry", "5.0.0", "The mailbox of Bob is full.") == "mailboxfull"
    assert reason_of("550 sorry", "5.0.0") == "undefined"


@pytest.mark.parametrize(
    ("command", "reason"), [("RCPT TO", "filtered"), ("end of DATA", "filtered"), ("MAIL FROM", "rejected")]
)
def test_a_refusal_without_a_word_has_the_reason_of_its_place(command: str, reason: str) -> None:
    assert reason_of(f"550 no (in reply to {command} command)") == reason


def test_a_refusal_that_says_not_authorized_by_its_status_alone_is_of_the_sender() -> None:
    assert reason_of("550 5.7.1 sorry") == "rejected"


@pytest.mark.parametrize("reply", ["500", "502", "503", "504"])
def test_a_command_that_was_not_understood_is_told_by_the_reply_alone(reply: str) -> None:
    assert reason_of(f"{reply} eh?") == "syntaxerror"


def test_the_place_that_postfix_names_goes_before_commands_in_the_text() -> None:
    said = "550 RCPT TO:<bob@example.com> user unknown (in reply to end of DATA command)"
    assert reason_of(said) == "filtered"


def test_what_filters_never_say_is_believed_after_the_message_too() -> None:
    assert reason_of("554 user unknown (in reply to end of DATA command)") == "filtered"
    assert reason_of("554 no such user (in reply to end of DATA command)") == "userunknown"


@pytest.mark.parametrize(
    ("prose", "reason"), [("The mailbox is full.", "mailboxfull"), ("The account is suspended.", "suspend")]
)
def test_the_state_of_a_mailbox_goes_before_the_unknown_user_that_is_quoted(prose: str, reason: str) -> None:
    assert reason_of(f"{prose} Host said: 550 5.1.1 user unknown") == reason


def test_before_mail_a_host_can_mean_the_client_alone() -> None:
    host = "host mx.example.com[192.0.2.1] refused to talk to me: 554 "
    assert reason_of(f"{host}mx.example.com ESMTP") == "blocked"
    assert reason_of(f"{host}no spam please") == "blocked"


def test_spam_that_is_named_goes_before_a_status_of_the_content() -> None:
    assert reason_of("554 5.6.0 this appears to be spam") == "spamdetected"
    assert reason_of("554 5.6.0 message content rejected") == "contenterror"


def test_the_command_that_postfix_adds_is_no_word_of_the_text() -> None:
    assert normal("550 Go away (in reply to end of DATA command)") == "go away"


def test_numbers_that_only_look_like_codes_stay() -> None:
    assert normal("554 see 5.7.1.2 or 15.250 of 250") == "see 5.7.1.2 or 15.250 of 250"


def test_a_sentence_is_whole_over_the_lines_of_a_reply() -> None:
    assert normal("550-5.7.1 your\n    550-5.7.1 mail\n 550 5.7.1 is unwanted") == "your mail is unwanted"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("no such user", "systemerror"),
        ("unknown host", "networkerror"),
        ("this address has changed", "systemerror"),
        ("the domain does not accept mail", "systemerror"),
    ],
)
def test_nothing_is_for_ever_beside_words_of_now(words: str, reason: str) -> None:
    assert reason_of(f"550 5.1.1 {words}, try again later") == reason
    assert reason_of(f"550 5.1.1 {words}. {'Yours, the host. ' * 4}Try again later") not in ("", reason)


@pytest.mark.parametrize("command", ["MAIL FROM", "EHLO"])
@pytest.mark.parametrize("words", ["no such domain", "that host has no MX", "bob is no longer with us"])
def test_nothing_is_known_of_the_recipient_before_rcpt(words: str, command: str) -> None:
    assert reason_of(f"550 {words} (in reply to {command} command)") not in HARD


def test_a_host_that_takes_no_mail_may_say_so_in_its_banner() -> None:
    refused = "host mx.example.com[192.0.2.1] refused to talk to me:"
    assert reason_of(f"{refused} 521 mx.example.com does not accept mail") == "notaccept"
    assert reason_of(f"{refused} 554 mx.example.com does not accept mail") == "blocked"
