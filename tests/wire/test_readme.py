"""README.md is true: what it tells a newcomer to type does what stands beside it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
LIMIT_S = 400
LEAVES_NOBODY = "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"


def free_ports(number: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def first_steps() -> str:
    """The commands of the mailing list; not its tests, which tests/unit/testing/test_plugin.py runs."""
    (block,) = re.findall(
        r"^    \. \.venv/bin/activate\n((?:    .*\n|\n)+)",
        (REPOSITORY / "README.md").read_text(),
        re.MULTILINE,
    )
    lines = [line.strip() for line in block.splitlines()]
    return "\n".join(line for line in lines if not line.startswith("pytest"))


def test_a_newcomer_talks_to_the_mailing_list_without_postfix(tmp_path: Path) -> None:
    unwanted = shutil.ignore_patterns("__pycache__", "var")
    shutil.copytree(REPOSITORY / "examples/lists", tmp_path / "examples/lists", ignore=unwanted)
    door, relay, pages = free_ports(3)
    script = first_steps().replace("lamson sink", f"lamson sink --listen 127.0.0.1:{relay}")
    script = LEAVES_NOBODY + script.replace("lamson send", f"lamson send 127.0.0.1:{door}")
    process = subprocess.Popen(
        ("bash", "-eu", "-c", script),
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMSON_DOOR__0__LISTEN": f"127.0.0.1:{door}",
            "LAMSON_RELAY__PORT": str(relay),
            "LAMSON_METRICS__LISTEN": f"127.0.0.1:{pages}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise AssertionError(process.communicate()[0]) from None
    assert process.returncode == 0, said
    states = re.findall(r"^alice@example\.com is in app\.handlers\.lists\.(\w+)", said, re.MULTILINE)
    assert states == ["CONFIRMING", "POSTING"], said
