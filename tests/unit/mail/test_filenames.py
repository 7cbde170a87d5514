import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.filenames import LENGTH_LIMIT, file_name


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\cmd.exe", "cmd.exe"),
        ("a/b\\c.txt", "c.txt"),
        ("a\0b\r\n.exe", "ab.exe"),
        ("gpj.\u202eexe", "gpj.exe"),
        (" a.exe ", "a.exe"),
        ("a.exe.", "a.exe"),
        ("a.exe. . ", "a.exe"),
        ("\u3000 a.exe\u3000.\xa0.", "a.exe"),
        ("a.e\u200bxe", "a.exe"),
        ("a.txt:b.exe", "a.txt_b.exe"),
        ('what? "really".pdf', "what_ _really_.pdf"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1 .txt", "_com1 .txt"),
        ("console.txt", "console.txt"),
        ("half a \ud83d.pdf", "half a .pdf"),
        ("..", ""),
        (".", ""),
        ("dir/", ""),
        ("", ""),
        (".hidden", ".hidden"),
        ("日本語.pdf", "日本語.pdf"),
        ("\u0645\u06cc\u200c\u062e.pdf", "\u0645\u06cc\u200c\u062e.pdf"),  # Persian is misspelt without it
        ("👨\u200d👩\u200d👧.png", "👨\u200d👩\u200d👧.png"),
        ("a\u200d.e\u200cxe", "a.exe"),
        ("\u200dä\u200c.exe\u200c", "ä.exe"),
        ("ä\u200c\u200c\u200dä", "ä\u200cä"),
    ],
)
def test_a_file_name_is_made_safe(given_name: str, safe: str) -> None:
    assert file_name(given_name) == safe


def test_a_long_name_keeps_what_it_ends_in() -> None:
    name = file_name("ä" * 1000 + ".pdf")
    assert name.endswith("ä.pdf")
    assert len(name.encode()) <= LENGTH_LIMIT


def test_a_long_suffix_is_no_suffix() -> None:
    assert len(file_name("a." + "b" * 1000)) == LENGTH_LIMIT


@given(
    st.text(st.characters(codec=None), max_size=300)
    | st.text("a.\u202e/\\: \0conä\u200c\u200d\u3000", max_size=300)
)
def test_a_safe_name_stays_as_it_is(text: str) -> None:
    safe = file_name(text)
    assert file_name(safe) == safe
    assert not set(safe) & set("/\\:\0\r\n")
    assert len(safe.encode()) <= LENGTH_LIMIT
