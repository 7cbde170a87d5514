"""Settings: what is read, what stands over what, and what is checked between keys. Mistakes: test_bad_configs.py."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from lamsonproxy.config import HostPort, Settings, UnixSocket, load
from lamsonproxy.config.sentences import section_of
from lamsonproxy.errors import ConfigError
from lamsonproxy.mail.wire import BareCr, BareNewline


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.upper().startswith("LAMSON_")]:
        monkeypatch.delenv(name)


def written(folder: Path, text: str) -> Path:
    path = folder / "lamson.toml"
    path.write_text(text)
    return path


def test_without_anything_there_is_one_door_that_passes_everything() -> None:
    settings = load()
    assert settings.app == ""
    assert [(door.name, door.listen) for door in settings.door] == [("filter", HostPort("127.0.0.1", 10025))]
    assert settings.door[0].trust == (ip_network("127.0.0.0/8"), ip_network("::1"))
    assert (settings.relay.host, settings.relay.port) == ("127.0.0.1", 10026)


def test_every_word_of_a_file_arrives(tmp_path: Path) -> None:
    settings = load(
        written(
            tmp_path,
            'app = "app.main:app"\nworkers = 3\nhostname = "mail.example.org"\n'
            '[[door]]\nname = "in"\nlisten = "[::1]:25"\ntrust = ["10.0.0.0/8"]\nbare_newline = "reject"\n'
            'bare_cr = "replace"\nunmatched = "reject"\non_error = "quarantine"\ndeadline_s = 60.5\n'
            '[log]\nlevel = "WARNING"\n',
        )
    )
    (door,) = settings.door
    assert (settings.app, settings.workers, settings.hostname) == ("app.main:app", 3, "mail.example.org")
    assert (door.listen, str(door.listen)) == (HostPort("::1", 25), "[::1]:25")
    assert (door.bare_newline, door.bare_cr) == (BareNewline.REJECT, BareCr.REPLACE)
    assert (door.unmatched, door.on_error, door.deadline_s) == ("reject", "quarantine", 60.5)
    assert settings.log.level == "warning"


def test_a_proxy_door_has_time_limits_of_its_own_unless_told_others(tmp_path: Path) -> None:
    settings = load(
        written(
            tmp_path,
            '[[door]]\nkind = "proxy"\nspeed_adjust = true\nrcpt_timeout_s = 30\n'
            '[[door]]\nkind = "proxy"\nname = "other"\nlisten = "127.0.0.1:1"\ndeadline_s = 20\n'
            '[[door]]\nkind = "lmtp"\nlisten = "127.0.0.1:2"\n',
        )
    )
    assert [(door.name, door.deadline_s, door.idle_timeout_s) for door in settings.door] == [
        ("proxy", 80, 600),
        ("other", 20, 600),
        ("lmtp", 540, 300),
    ]
    assert (settings.door[0].speed_adjust, settings.door[0].rcpt_timeout_s) == (True, 30)
    assert (settings.door[1].speed_adjust, settings.door[1].rcpt_timeout_s) == (False, 60)


def test_the_environment_stands_over_the_file_key_by_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(
        tmp_path, '[relay]\nhost = "a"\nport = 1\n[[door]]\nname = "one"\nlisten = "127.0.0.1:3"\n'
    )
    monkeypatch.setenv("LAMSON_RELAY__PORT", "2")
    monkeypatch.setenv("LAMSON_DOOR__0__LISTEN", "127.0.0.1:4")
    monkeypatch.setenv("LAMSON_DOOR__0__TRUST", "10.0.0.0/8, ::1")
    monkeypatch.setenv("LAMSON_DOOR__1__NAME", "two")
    monkeypatch.setenv("LAMSON_METRICS__LISTEN", "[::1]:5")
    settings = load(path)
    assert str(settings.metrics.listen) == "[::1]:5"
    assert (settings.relay.host, settings.relay.port) == ("a", 2)
    assert [(door.name, str(door.listen)) for door in settings.door] == [
        ("one", "127.0.0.1:4"),
        ("two", "127.0.0.1:10025"),
    ]
    assert settings.door[0].trust == (ip_network("10.0.0.0/8"), ip_network("::1"))


def test_a_section_of_the_environment_that_is_no_json_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMSON_RELAY", "127.0.0.1")
    with pytest.raises(ConfigError, match="relay"):
        load()


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")).quarantine.path == tmp_path / "var/quarantine"
    elsewhere = written(tmp_path, '[quarantine]\npath = "/srv/kept"\n')
    assert load(elsewhere).quarantine.path == Path("/srv/kept")
    table = '[[signing]]\ndomain = "Example.org"\nselector = "mail2026"\nfile = "{}"\n'
    for file, path in (("keys/own.pem", tmp_path / "keys/own.pem"), ("/srv/own.pem", Path("/srv/own.pem"))):
        (key,) = load(written(tmp_path, table.format(file))).signing
        assert (key.domain, key.selector, key.file) == ("example.org", "mail2026", path)


def test_auto_is_a_worker_for_each_core(tmp_path: Path) -> None:
    settings = load(written(tmp_path, 'workers = "auto"\n[limits]\nin_flight_bytes = 100000000000\n'))
    assert settings.workers >= 1


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "nowhere.toml")
    assert caught.value.problems == (f"{tmp_path}/nowhere.toml cannot be read: No such file or directory.",)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lamson.toml"
    path.write_bytes(b"app = '\xff'")
    with pytest.raises(ConfigError, match=r"is not UTF-8 \(octet 8\)"):
        load(path)


def test_settings_do_not_change() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.relay.port = 1
    with pytest.raises(ValidationError):
        settings.workers = 1


def test_a_worker_gets_what_the_supervisor_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load()
    monkeypatch.setenv("LAMSON_RELAY__PORT", "2")  # set after the check: not for this run
    assert Settings.model_validate(settings.model_dump(mode="json")) == settings


def test_port_0_may_stand_twice(tmp_path: Path) -> None:
    door = '[[door]]\nname = "{}"\nlisten = "127.0.0.1:0"\n'
    assert len(load(written(tmp_path, door.format("a") + door.format("b"))).door) == 2


def test_every_setting_has_its_manual() -> None:
    models: list[type[BaseModel]] = [Settings]
    models += filter(None, (section_of(field.annotation) for field in Settings.model_fields.values()))
    for model in models:
        for name, field in model.model_fields.items():
            assert field.description or section_of(field.annotation), name


def test_an_lmtp_door_may_stand_at_a_unix_socket_and_a_worker_gets_it_as_it_was_checked(
    tmp_path: Path,
) -> None:
    settings = load(
        written(
            tmp_path,
            'instance = "mx-1"\n[[door]]\nkind = "lmtp"\nlisten = "unix:/run/lamson/lmtp"\nsocket_mode = "0666"\n'
            'unmatched = "reject"\ndomains = ["Lists.Example.ORG", "xn--bcher-kva.example"]\n',
        )
    )
    (door,) = settings.door
    assert (door.name, door.kind, door.listen) == ("lmtp", "lmtp", UnixSocket("/run/lamson/lmtp"))
    assert door.domains == ("lists.example.org", "xn--bcher-kva.example")
    assert Settings.model_validate(settings.model_dump(mode="json")) == settings


def test_domains_and_a_place_may_stand_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMSON_DOOR__0__DOMAINS", "a.example, b.example")
    monkeypatch.setenv("LAMSON_DOOR__0__LISTEN", "unix:/run/lamson/lmtp")
    monkeypatch.setenv("LAMSON_DOOR__0__KIND", "lmtp")
    (door,) = load(written(tmp_path, "")).door
    assert door.domains == ("a.example", "b.example") and door.listen == UnixSocket("/run/lamson/lmtp")


def test_a_service_is_known_by_its_instance_or_by_its_host_and_its_quarantine(tmp_path: Path) -> None:
    one, same, other, named = (
        load(written(tmp_path, text)).identity
        for text in (
            'hostname = "mx.example.org"',
            'hostname = "mx.example.org"\nworkers = 7',
            'hostname = "mx.example.org"\n[quarantine]\npath = "elsewhere"',
            'hostname = "mx.example.org"\ninstance = "mx-1"',
        )
    )
    assert one == same != other and named == "mx-1"
    assert one.isalnum()
