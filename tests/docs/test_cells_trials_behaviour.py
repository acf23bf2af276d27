"""The examples of the how-to page run as they are written, one after the other.

A block that is marked `py` instead of `python` takes minutes and is left out.
"""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "cells-trials-behaviour.md"


def test_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, PAGE.name, "exec"), names)
    assert set(names["table"]["cell"]) & set(names["cells"].ids)
    assert names["trials"].conditions == ("A", "B")
    assert names["fast"]
    assert len(names["correlations"]) == names["fit"].latents
