"""What the commands print: results on standard output, progress on standard error."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Any

__all__ = ["interruptible", "print_result", "progress_bar"]

LONGEST = 8
"""Entries of a list that are printed for people; JSON has them all."""


def print_result(result: Mapping[str, Any], as_json: bool) -> None:
    """Print a result: as JSON, or as a table without what is long or empty."""
    if as_json:
        print(json.dumps(result, default=_plain, allow_nan=False))
        return
    rows = {name: text for name, text in _rows(result) if text}
    width = max(map(len, rows), default=0)
    for name, text in rows.items():
        print(f"{name:<{width}}  {text}")


def _rows(result: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Rows of the table; nested names are joined with a dot."""
    for name, value in result.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
            yield from (
                (f"{prefix}{name}" if i == 0 else f"{prefix}{name} {i + 1}", item) for i, item in enumerate(value)
            )
        elif not isinstance(value, list | tuple) or 0 < len(value) <= LONGEST:
            yield f"{prefix}{name}", _text(value)


def _text(value: Any) -> str:
    """Write a value, numbers with six digits."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


def _plain(value: Any) -> Any:
    """Give what JSON does not know as what it knows."""
    if isinstance(value, Path):
        return str(value)
    return value.item() if hasattr(value, "item") else list(value)


@contextmanager
def progress_bar(title: str) -> Iterator[tuple[Callable[[str, float], None], Callable[[str], None]]]:
    """Show a bar on standard error while the block runs; lines only where that is not a terminal.

    Yields
    ------
    phase : callable
        Called with the name of a phase and the share of it that is done.
    line : callable
        Called with a line that stays.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=1.0)
        shown = ""

        def phase(name: str, share: float) -> None:
            nonlocal shown
            if name != shown:
                shown = name
                bar.reset(task, description=name)
                if not console.is_terminal:
                    console.print(name, markup=False)
            bar.update(task, completed=share)

        def line(text: str) -> None:
            console.print(text, markup=False)

        yield phase, line


@contextmanager
def interruptible(line: Callable[[str], None]) -> Iterator[Event]:
    """Let the first Ctrl-C set an event, so that what there is can be kept; the second one ends the program."""
    stop = Event()
    if current_thread() is not main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(_number: int, _frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        line("Stopping after this batch; what there is will be kept. Press Ctrl-C again to end now.")
        stop.set()

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
