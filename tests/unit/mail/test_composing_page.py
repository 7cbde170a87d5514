"""Every example of docs/composing.md, run in order."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[3] / "docs" / "composing.md").read_text()


def test_the_examples_of_the_page_run() -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, "docs/composing.md", "exec"), names)
    assert len(examples) == 3
