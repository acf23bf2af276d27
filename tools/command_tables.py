"""A hook of mkdocs: a line `{{ commands }}` becomes the reference of the command line, from the commands themselves."""

from typing import Any

import typer

from napari_varae.cli.app import app


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the reference on one page."""
    return markdown.replace("{{ commands }}", reference()) if "{{ commands }}" in markdown else markdown


def reference() -> str:
    """Return a section for each command, with a table of its arguments and options."""
    group: Any = typer.main.get_command(app)
    return "\n".join(_section(name, command) for name, command in group.commands.items())


def _section(name: str, command: Any) -> str:
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    table = ["| argument or option | what it is |", "| --- | --- |", *rows] if rows else []
    return "\n".join([f"## napari-varae {name}", "", command.help.strip(), "", *table, ""])


def _row(parameter: Any) -> str:
    named = parameter.param_type_name == "option"
    spelled = parameter.opts[0] if named else ""
    value = "" if getattr(parameter, "is_flag", False) else (parameter.metavar or "VALUE")
    about = (parameter.help or "").replace("|", "\\|").replace("\n", " ")
    default = parameter.default
    known = f" Default: {default}." if named and default not in (None, "", False) and "Default" not in about else ""
    needed = " Needed." if parameter.required and named else ""
    cell = f"{spelled} {value}".strip().replace("|", "\\|")
    return f"| `{cell}` | {about}{known}{needed} |"
