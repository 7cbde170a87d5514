"""A headless Chromium that looks at the HTML of mail, as a reader of mail would.

Law: it reaches nothing but what is in the mail: no name is resolved, and its profile is a temporary folder. It ends
with the question that it was asked.
"""

import html
import json
import re
import subprocess
import tempfile
from base64 import b64encode
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any

from integration.children import DIES_WITH_US

LIMIT_S = 60
"""For one question; two seconds are usual."""

_ANSWER = re.compile(r'<pre id="lamsonproxy-answer">(.*?)</pre>', re.DOTALL)
_ASK = """
<script>
addEventListener("load", () => {
  const answer = document.createElement("pre");
  answer.textContent = JSON.stringify(%s);
  answer.id = "lamsonproxy-answer";
  document.body.append(answer);
});
</script>
"""


class Unavailable(Exception):
    """There is no Chromium that the tests could run; the text says why."""


class Chromium:
    """The program, once for each question."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def ask(self, document: str, question: str) -> Any:
        """The value of a JavaScript expression when all of the document has been loaded."""
        dom = self._look(document + _ASK % question, "--dump-dom").decode("utf-8")
        answer = _ANSWER.search(dom)
        assert answer, f"Chromium gave no answer: {dom[:2000]}"
        return json.loads(html.unescape(answer[1]))

    def picture(self, document: str, width: int = 600, height: int = 400) -> bytes:
        """What it looks like, as PNG."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture.png"
            self._look(
                document, f"--screenshot={path}", f"--window-size={width},{height}", "--hide-scrollbars"
            )
            return path.read_bytes()

    def _look(self, document: str, *options: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "mail.html"
            page.write_text(document, encoding="utf-8")
            command: list[str | Path] = [
                *DIES_WITH_US,
                self._program,
                "--headless=new",
                # Root has no sandbox; the pages are our own, and nothing can be reached.
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--user-data-dir={folder}/profile",
                *options,
                page.as_uri(),
            ]
            return subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=True).stdout


def find_chromium() -> Chromium:
    """Have Chromium installed. Raises Unavailable."""
    script = Path(__file__).parents[1] / "scripts" / "get-chromium"
    done = subprocess.run([script], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Unavailable(done.stderr.strip().splitlines()[-1] if done.stderr else "get-chromium failed")
    return Chromium(Path(done.stdout.strip()))


def document_of(raw: bytes) -> str:
    """The HTML of a mail with its pictures in it, put together by Python's own reader."""
    message = message_from_bytes(raw, policy=SMTP)
    [document] = [part.get_content() for part in message.walk() if part.get_content_type() == "text/html"]
    for part in message.walk():
        if content_id := part["Content-ID"]:
            encoded = b64encode(part.get_content()).decode()
            url = f"data:{part.get_content_type()};base64,{encoded}"
            document = document.replace(f"cid:{content_id.strip('<>')}", url)
    return str(document)
