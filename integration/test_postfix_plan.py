"""What `lamson postfix` would write into configurations of many kinds; no Postfix is started."""

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from integration.fragments import Ports, Programs
from integration.plain import configuration, grow_old
from lamsonproxy.errors import ConfigError
from lamsonproxy.postfix import plan
from lamsonproxy.postfix.apply import take_back
from lamsonproxy.postfix.changes import Change
from lamsonproxy.postfix.choices import Choices, DoorKind
from lamsonproxy.postfix.emit import example, files
from lamsonproxy.postfix.postconf import Postfix, Shown

PORTS = Ports(front=2525, null=2526, reentry=10026, door=10025, sink=2527)
HOST = """\
smtp      inet n - n - - smtpd
submission inet n - n - - smtpd
    -o syslog_name=postfix/submission
    -o receive_override_options=no_header_body_checks
"""
BEHIND_POSTSCREEN = """\
smtp      inet n - n - 1 postscreen
smtpd     pass - - n - - smtpd
"""
FILTER = example("filter")

Made = Callable[..., Postfix]


@pytest.fixture
def made(programs: Programs, tmp_path: Path) -> Made:
    """Make a configuration with these services, and these lines in main.cf."""

    def make(services: str = HOST, settings: str = "") -> Postfix:
        postfix = configuration(tmp_path / "etc", programs, PORTS, services)
        with (tmp_path / "etc/main.cf").open("a") as main:
            main.write(settings)
        grow_old(postfix.folder)
        return postfix

    return make


def changes(postfix: Postfix, choices: Choices) -> dict[str, Change]:
    return {change.key: change for stage in plan.make(postfix, choices).stages for change in stage}


def test_behind_postscreen_the_switch_is_on_the_smtpd(made: Made) -> None:
    found = changes(made(BEHIND_POSTSCREEN), FILTER)
    assert "smtpd/pass/content_filter" in found
    assert not any(key.startswith("smtp/inet/") for key in found)


def test_a_service_that_is_not_there_is_told_with_those_that_are(made: Made) -> None:
    with pytest.raises(ConfigError, match=r"submission: master.cf .* it has 127.0.0.1:2525/inet, smtp/inet"):
        plan.make(made(BEHIND_POSTSCREEN), replace(FILTER, services=("submission",)))


@pytest.mark.parametrize(
    ("services", "settings", "says"),
    [
        (HOST, "content_filter = amavis:[127.0.0.1]:10024\n", "content_filter = amavis"),
        (f"{HOST}lamson unix - - n - 3 smtp\n", "", "lamson/unix already"),
        (f"{HOST}127.0.0.1:10026 inet n - n - - smtpd\n", "", "127.0.0.1:10026/inet already"),
    ],
    ids=["a filter", "a transport", "a service at the re-entry"],
)
def test_what_is_not_ours_is_left_as_it_is(made: Made, services: str, settings: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        plan.make(made(services, settings), FILTER)


def test_overrides_that_are_there_keep_their_words(made: Made) -> None:
    found = changes(made(), replace(FILTER, services=("submission",)))
    change = found["submission/inet/receive_override_options"]
    assert (change.before, change.after) == (
        "no_header_body_checks",
        "no_header_body_checks,no_address_mappings",
    )


def test_signing_after_us_moves_the_milters_of_our_own_users_to_the_reentry(made: Made) -> None:
    found = changes(made(), replace(FILTER, dkim="after", services=("smtp", "submission")))
    assert "no_milters" in str(found["submission/inet/receive_override_options"].after)
    assert "no_milters" not in str(found["smtp/inet/receive_override_options"].after)
    assert "no_milters" not in str(found["127.0.0.1:10026/inet"].after)


def test_pickup_gets_no_options_of_smtpd(made: Made) -> None:
    found = changes(made(), replace(FILTER, services=("pickup",)))
    own = {key for key in found if key.startswith("pickup/")}
    assert own == {"pickup/unix/receive_override_options", "pickup/unix/content_filter"}


def test_domains_join_those_that_are_there(made: Made) -> None:
    settings = (
        "relay_domains = example.net\ntransport_maps = inline:{ {example.net = smtp:[mx.example.net]} }\n"
    )
    found = changes(made(HOST, settings), example("transport"))
    assert found["relay_domains"].after == "example.net, lists.example.org"
    maps = str(found["transport_maps"].after)
    assert maps.startswith("inline:{ {lists.example.org = lamson:inet:")
    assert maps.endswith("inline:{ {example.net = smtp:[mx.example.net]} }")


@pytest.mark.parametrize("door", ["filter", "lmtp", "proxy", "transport"])
def test_what_was_written_on_several_lines_comes_back_octet_for_octet(made: Made, door: DoorKind) -> None:
    settings = """\
# a remark
relay_domains =
    example.net,
    example.com
transport_maps = inline:{
    {example.net = smtp:[mx.example.net]},
    {example.com = smtp:[mx.example.com]} }
enable_long_queue_ids = no
"""
    postfix = made(HOST, settings)
    before = postfix.shown()
    found = list(changes(postfix, replace(example(door), services=("smtp", "submission"))).values())
    for change in found:
        postfix.write(change.target, change.key, change.after)
        grow_old(postfix.folder)
    assert all(change.is_in_force(postfix) for change in found)
    assert postfix.shown() != before
    take_back(postfix, found)
    assert postfix.shown() == before


@pytest.mark.parametrize("door", ["filter", "lmtp", "proxy"])
def test_the_emitted_commands_do_what_apply_does(made: Made, door: DoorKind) -> None:
    postfix = made()
    wanted = plan.make(postfix, example(door)).after
    script = files(example(door))["postconf.sh"].replace("postfix reload\n", "")
    run(postfix, script)
    grow_old(postfix.folder)
    assert anywhere(postfix.shown()) == anywhere(wanted)


@pytest.mark.parametrize("door", ["filter", "lmtp", "proxy"])
def test_what_docker_mailserver_takes_turns_the_door_on_there(made: Made, door: DoorKind) -> None:
    postfix = made(BEHIND_POSTSCREEN)
    wanted = plan.make(postfix, example(door)).after
    emitted = files(example(door))
    lines = [line for line in emitted["docker-mailserver/postfix-master.cf"].splitlines() if line[0] != "#"]
    run(postfix, emitted["docker-mailserver/user-patches.sh"])
    run(postfix, "".join(f"postconf -P '{line}'\n" for line in lines))
    with (postfix.folder / "main.cf").open("a") as main:
        main.write(emitted["docker-mailserver/postfix-main.cf"])
    grow_old(postfix.folder)
    assert anywhere(postfix.shown()) == anywhere(wanted)


def anywhere(shown: Shown) -> Shown:
    """The same but for the directory it was read from: a plan is made on a copy."""
    return replace(shown, main=re.sub(r"(?m)^config_directory = .*\n", "", shown.main))


def run(postfix: Postfix, script: str) -> None:
    """Run commands for this configuration."""
    environment = {**os.environ, **postfix._environment, "MAIL_CONFIG": str(postfix.folder)}
    environment["PATH"] += f":{os.environ['PATH']}"
    subprocess.run(["sh", "-c", script], env=environment, check=True, capture_output=True, timeout=60)
