"""The program that starts the fuzzer, where there is no fuzzer to start."""

import importlib.util
import sys

import pytest

from tests.fuzz.__main__ import main


def test_where_there_is_no_atheris_that_is_said_and_nothing_has_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz", "--seconds", "5"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main() == 0
    assert "nothing was fuzzed" in capsys.readouterr().out


def test_a_target_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz", "soup"])
    with pytest.raises(SystemExit):
        main()
    assert "no such target: soup" in capsys.readouterr().err
