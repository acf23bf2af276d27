"""The commands, put together; nothing heavy is imported before one of them runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from napari_varae.cli.demo import demo
from napari_varae.cli.info import info
from napari_varae.errors import FitFileError, PathError, StackError, StoppedError, TrainingError

__all__ = ["app", "main"]

app = typer.Typer(
    name="napari-varae",
    help="Find sparse linear dynamics in two-photon recordings, and compare them between time ranges.\n\n"
    "To work in the window instead, run: napari -w napari-varae",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(info)
app.command()(demo)


def _show_version(wanted: bool) -> None:
    """Print the version, and end."""
    if wanted:
        import napari_varae

        print(napari_varae.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version, and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 when it succeeded, 1 when it failed, 2 when the command line is wrong.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; taken from the command line when not given.
    """
    try:
        app(args=None if arguments is None else list(arguments), prog_name="napari-varae")
    except (FitFileError, PathError, StackError, StoppedError, TrainingError) as error:
        print(f"napari-varae: {error}", file=sys.stderr)
        sys.exit(1)
