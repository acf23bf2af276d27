"""The commands, put together; nothing heavy is imported before one of them runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from napari_varae.cli.batch import batch
from napari_varae.cli.choice import choose
from napari_varae.cli.conditions import conditions
from napari_varae.cli.demo import demo
from napari_varae.cli.dynamics import compare, map_, placebo, robustness
from napari_varae.cli.export import export
from napari_varae.cli.gui import gui
from napari_varae.cli.info import info
from napari_varae.cli.movie import open_
from napari_varae.cli.training import evaluate, resume, train
from napari_varae.core.compute.memory import enough_memory
from napari_varae.errors import PathError, TrainingError

__all__ = ["app", "main"]

_HELP = """Find sparse linear dynamics in two-photon recordings, and compare them between time ranges.

A recording is trained into an analysis folder, and the other commands work on that folder:

    napari-varae train movie.tif --out results
    napari-varae compare results --a 0:400 --b 600:1000
    napari-varae map results --kind driver --out drivers.tif

The window opens with `napari-varae gui`. Each command explains itself with `--help`.
"""

app = typer.Typer(
    name="napari-varae",
    help=_HELP,
    rich_markup_mode="markdown",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("open")(open_)
for command in (choose, train, resume, evaluate):
    app.command()(command)
app.command("map")(map_)
for command in (compare, conditions, placebo, robustness, export, batch, gui, info, demo):
    app.command()(command)


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
    """Run a command and exit.

    The exit status is 0 when it succeeded, 1 when it failed, 2 when the command line is wrong, and 130 after Ctrl-C.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; taken from the command line when not given.
    """
    try:
        with enough_memory():
            app(args=None if arguments is None else list(arguments), prog_name="napari-varae")
    except (ValueError, OSError, PathError, TrainingError, MemoryError) as error:
        print(f"napari-varae: {error}", file=sys.stderr)
        sys.exit(1)
