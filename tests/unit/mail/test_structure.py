import pytest

from lamsonproxy.mail.message import Message

CMS_SIGNED = "MIIBoAYJKoZIhvcNAQcCoIIBkTCC"
CMS_ENVELOPED = "MIIBoAYJKoZIhvcNAQcDoIIBkTCC"


def _message(content_type: str, body: str = "", more: str = "") -> Message:
    return Message(f"From: a@example.com\r\nContent-Type: {content_type}\r\n{more}\r\n{body}".encode())


SIGNED = _message(
    "multipart/signed; boundary=s",
    "--s\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"
    "--m\r\n\r\ntext\r\n--m\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\npdf\r\n--m--\r\n"
    "--s\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nsignature\r\n--s--\r\n",
)
BASE64 = "Content-Transfer-Encoding: base64\r\n"


@pytest.mark.parametrize(
    "message",
    [
        SIGNED,
        _message("application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", "nothing"),
        _message("application/x-pkcs7-mime; name=smime.p7m", CMS_SIGNED, BASE64),
        _message("text/plain", "Hello\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n"),
    ],
)
def test_a_signature_is_seen(message: Message) -> None:
    assert message.is_signed
    assert not message.is_encrypted
    assert message.structure.holds_seal(message.parts[0])


@pytest.mark.parametrize(
    "message",
    [
        _message("multipart/encrypted; boundary=b", "--b\r\n\r\nVersion: 1\r\n--b--\r\n"),
        _message("application/pkcs7-mime; smime-type=enveloped-data", "nothing"),
        _message("application/pkcs7-mime; smime-type=authEnveloped-data", "nothing"),
        _message("application/pkcs7-mime; name=smime.p7m", CMS_ENVELOPED, BASE64),
        _message("text/plain", "-----BEGIN PGP MESSAGE-----\r\n"),
    ],
)
def test_an_encryption_is_seen(message: Message) -> None:
    assert message.is_encrypted
    assert not message.is_signed
    assert message.structure.holds_seal(message.parts[0])


@pytest.mark.parametrize(
    "message",
    [
        _message("text/plain", "I write -----BEGIN PGP MESSAGE----- here"),
        _message("text/html", "-----BEGIN PGP MESSAGE-----\r\n"),
        _message("application/pdf; name=signed.pdf", CMS_SIGNED),
        _message("message/rfc822", "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n"),
    ],
)
def test_what_is_not_sealed_may_be_changed(message: Message) -> None:
    assert not message.is_signed
    assert not message.is_encrypted
    assert not message.structure.holds_seal(message.parts[0])


def test_what_is_in_a_signed_entity_is_sealed() -> None:
    assert all(SIGNED.structure.is_sealed(part) for part in SIGNED.parts)


def test_what_stands_beside_a_signed_entity_is_not_sealed() -> None:
    message = _message(
        "multipart/mixed; boundary=b",
        "--b\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\ntext\r\n--s--\r\n"
        "--b\r\n\r\nthe footer of a list\r\n--b--\r\n",
    )
    sealed = [message.structure.is_sealed(part) for part in message.parts]
    assert sealed == [False, True, True, False]
    assert message.structure.holds_seal(message.parts[0])


def _types(message: Message) -> list[str]:
    return [part.content_type for part in message.structure.texts(message.parts[0])]


ALTERNATIVE = (
    "--a\r\nContent-Type: text/plain\r\n\r\nplain\r\n"
    "--a\r\nContent-Type: multipart/related; boundary=r{}\r\n\r\n"
    "--r\r\nContent-Type: image/png\r\nContent-ID: <picture>\r\n\r\npng\r\n"
    "--r\r\nContent-Type: text/html\r\nContent-ID: <root>\r\n\r\n<p>html</p>\r\n--r--\r\n"
    "--a\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n--a--\r\n"
)


def test_each_alternative_is_a_text_and_a_related_has_a_root() -> None:
    message = _message("multipart/alternative; boundary=a", ALTERNATIVE.format('; start="<root>"'))
    assert _types(message) == ["text/plain", "text/html"]
    assert [part.content_id for part in message.inline_images] == ["picture"]


def test_without_a_named_root_the_first_part_of_a_related_is_it() -> None:
    message = _message("multipart/alternative; boundary=a", ALTERNATIVE.format(""))
    assert _types(message) == ["text/plain"]


@pytest.mark.parametrize(
    ("message", "types"),
    [
        (_message("text/plain"), ["text/plain"]),
        (Message(b""), ["text/plain"]),
        (_message("application/pdf"), []),
        (_message("text/plain", more="Content-Disposition: attachment\r\n"), []),
        (_message("multipart/report; boundary=b", "--b\r\n\r\na bounce\r\n--b--\r\n"), []),
        (_message("multipart/digest; boundary=b", "--b\r\n\r\nA: b\r\n\r\n--b--\r\n"), []),
        (_message("message/rfc822", "A: b\r\n\r\ntext"), []),
        (
            _message("multipart/mixed; boundary=b", "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"),
            ["text/plain"],
        ),
    ],
)
def test_the_texts_are_what_a_reader_sees_first(message: Message, types: list[str]) -> None:
    assert _types(message) == types


def test_attached_messages_are_messages() -> None:
    inner = "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext\r\n"
    message = _message(
        "multipart/mixed; boundary=b",
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: outer\r\n{inner}\r\n--b--\r\n",
    )
    (outer,) = message.messages
    assert outer.subject == "outer"
    assert [each.subject for each in outer.messages] == ["inner"]


@pytest.mark.parametrize(
    ("header", "is_list_mail"),
    [
        ("List-Id: <cooks.example.org>", True),
        ("Precedence: list", True),
        ("list-unsubscribe: <mailto:leave@example.org>", True),
        ("Precedence: bulk", False),
        ("Subject: List-Id", False),
    ],
)
def test_mail_of_lists_is_known_by_its_headers(header: str, is_list_mail: bool) -> None:
    assert Message(f"{header}\r\n\r\n".encode()).is_list_mail is is_list_mail
