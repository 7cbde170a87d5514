"""Unix sockets of the supervisor: stale ones are replaced, those that are served are not, and nobody comes in early."""

import os
import socket
import stat
from grp import getgrgid
from pathlib import Path

import pytest

from lamsonproxy.config import UnixSocket
from lamsonproxy.errors import ConfigError
from lamsonproxy.workers.listeners import Listeners


def at(path: Path, mode: int = 0o660, group: str = "") -> dict[str, UnixSocket]:
    return {"lmtp": UnixSocket(str(path), mode, group)}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True


def own_group() -> str:
    """The name of our group; "" where it has none, as with systemd's DynamicUser."""
    try:
        return getgrgid(os.getgid()).gr_name
    except KeyError:
        return ""


def test_it_listens_with_the_permissions_that_were_asked_for(tmp_path: Path) -> None:
    listeners = Listeners().changed(at(tmp_path / "door", 0o620, own_group()))
    assert is_served(tmp_path / "door") and mode_of(tmp_path / "door") == 0o620
    assert listeners.address("lmtp") == f"unix:{tmp_path}/door"
    listeners.close()


def test_its_file_goes_with_it(tmp_path: Path) -> None:
    Listeners().changed(at(tmp_path / "door")).close()
    assert not (tmp_path / "door").exists()


def test_a_socket_that_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "door"))
    listeners = Listeners().changed(at(tmp_path / "door"))
    assert is_served(tmp_path / "door")
    listeners.close()


def test_a_socket_that_somebody_serves_is_left_to_him(tmp_path: Path) -> None:
    path = tmp_path / "door"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(ConfigError, match=f"lmtp cannot listen on unix:{path}: Address already in use"):
            Listeners().changed(at(path))
        assert is_served(path)


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_is_no_socket_is_never_taken_away(tmp_path: Path, is_folder: bool) -> None:
    path = tmp_path / "door"
    path.mkdir() if is_folder else path.write_text("precious")
    with pytest.raises(ConfigError, match="something else that is no socket"):
        Listeners().changed(at(path))
    assert path.is_dir() if is_folder else path.read_text() == "precious"


def test_a_folder_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory"):
        Listeners().changed(at(tmp_path / "missing" / "door"))


def test_a_reload_keeps_the_socket_and_changes_its_permissions(tmp_path: Path) -> None:
    old = Listeners().changed(at(tmp_path / "door", 0o600))
    new = old.changed(at(tmp_path / "door", 0o666))
    assert new.sockets["lmtp"] is old.sockets["lmtp"] and mode_of(tmp_path / "door") == 0o666
    old.without(new).close()
    assert is_served(tmp_path / "door")
    new.close()


def test_the_file_of_a_successor_is_left_to_him(tmp_path: Path) -> None:
    first = Listeners().changed(at(tmp_path / "door"))
    (tmp_path / "door").unlink()
    second = Listeners().changed(at(tmp_path / "door"))
    first.close()
    assert is_served(tmp_path / "door")
    second.close()


def test_permissions_that_cannot_be_given_are_a_mistake_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lmtp cannot listen on .*: There is no group no such group"):
        Listeners().changed(at(tmp_path / "door", group="no such group"))
    assert not (tmp_path / "door").exists()
