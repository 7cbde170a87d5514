# ruff: noqa: RUF001 - these are the letters of other languages
import os

import pytest

from lamsonproxy.mail.detection import GUESSES, Detection
from lamsonproxy.mail.message import Message

RUSSIAN = "Привет, как дела? Это письмо написано по-русски, чтобы проверить кодировку. " * 5
JAPANESE = "これは日本語のテキストです。文字コードを判定できるでしょうか。よろしくお願いします。" * 3
CHINESE = "这是一封中文邮件，用来检测字符编码是否能够被正确识别。谢谢大家的帮助。" * 3
GREEK = "Αυτό είναι ένα μήνυμα στα ελληνικά για να ελέγξουμε την κωδικοποίηση. " * 5


@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/plain; charset=x-none", "text/plain; charset=utf-8"]
)
@pytest.mark.parametrize(
    ("text", "codec"),
    [(RUSSIAN, "koi8-r"), (RUSSIAN, "cp1251"), (JAPANESE, "shift_jis"), (JAPANESE, "euc_jp"), (CHINESE, "gb18030"),
     (GREEK, "cp1253")],
)  # fmt: skip
def test_text_that_does_not_say_its_charset_is_guessed(text: str, codec: str, content_type: str) -> None:
    message = Message(f"Content-Type: {content_type}\r\n\r\n".encode() + text.encode(codec))
    assert message.text == text
    assert "text is in a charset that had to be guessed" in message.defects


def test_a_few_letters_are_not_guessed_from() -> None:
    message = Message("Content-Type: text/plain\r\n\r\nGrüße aus dem Café".encode("latin-1"))
    assert message.text == "Grüße aus dem Café"
    assert (
        Message("Content-Type: text/plain; charset=x-none\r\n\r\nCafé".encode("latin-1")).text == "Caf\ufffd"
    )


def test_noise_is_nothing_and_guesses_run_out() -> None:
    detection = Detection()
    russian = RUSSIAN.encode("koi8-r")
    assert detection.guess(os.urandom(8192)) == ""
    assert [detection.guess(russian) for _ in range(GUESSES)] == ["koi8_r"] * (GUESSES - 1) + [""]
