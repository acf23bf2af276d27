"""What a batch leaves: a summary table, and a page that shows every recording."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from napari_varae.core.files import write_file
from napari_varae.headless.card import failed_card
from napari_varae.headless.row import CARD

__all__ = ["PAGE", "TABLE", "write_summary"]

TABLE, PAGE = "summary.csv", "report.html"
SHOWN = 12
"""Columns of the table on the page; the file has all."""
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 1200px; padding: 0 1em; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #8884; padding: .2em .7em; text-align: left; }
.failed { color: #c0392b; }
section { border-top: 1px solid #8888; margin-top: 1.5em; }
section div { display: flex; flex-wrap: wrap; gap: 1em; }
figure { margin: 0; } img { height: 220px; max-width: 100%; background: white; }
figcaption { color: #888; font-size: 12px; } small { color: #888; }
"""


def write_summary(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the summary of all rows, as CSV and as an HTML page without anything from elsewhere.

    Parameters
    ----------
    out : Path
        Folder of the batch, in which each row has a folder.
    rows : sequence of mapping
        Each with at least `name` and `status`; the other keys become columns.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_file(out / TABLE, text.getvalue())
    write_file(out / PAGE, _page(out, rows, columns))


def _page(out: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    failed = sum(row["status"] == "failed" for row in rows)
    made = f"{len(rows)} recordings, {failed} failed. {datetime.now().astimezone():%Y-%m-%d %H:%M}, napari-varae"
    cards = "".join(_read_card(out, row) for row in rows)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(out.name)}</title>'
        f"<style>{STYLE}</style><h1>{html.escape(out.name)}</h1><p>{made} {version('napari-varae')}. "
        f"All columns: {TABLE}.</p>{_table(rows, columns[:SHOWN])}{cards}</html>\n"
    )


def _table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    lines = []
    for row in rows:
        cells = [_cell(row.get(column)) for column in columns]
        cells[0] = f'<a href="#{html.escape(row["name"], quote=True)}">{cells[0]}</a>'
        inside = "".join(f"<td>{cell}</td>" for cell in cells)
        lines.append(f'<tr class="{html.escape(row["status"])}">{inside}</tr>')
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _cell(value: object) -> str:
    text: str = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return html.escape(text)


def _read_card(out: Path, row: Mapping[str, Any]) -> str:
    if row["status"] == "failed":
        return failed_card(row["name"], row["failure"])
    return (out / str(row["name"]) / CARD).read_text(encoding="utf-8")
