"""The command line: `napari-varae demo [MOVIE]`."""

from __future__ import annotations

import argparse
import os
import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit status."""
    parser = argparse.ArgumentParser(prog="napari-varae", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="run the whole journey in a napari window, from a movie to a p-value")
    demo.add_argument("movie", nargs="?", help="a recording; a simulated one when not given")
    demo.add_argument("--output", default="demo-output", help="folder for what the demo makes (default: %(default)s)")
    demo.add_argument("--close", action="store_true", help="close the window at the end")
    options = parser.parse_args(arguments)

    from napari_varae.demo import run_demo

    close = options.close or bool(os.environ.get("VIRTUAL_DISPLAY"))
    return run_demo(options.movie, options.output, keep_open=not close)


if __name__ == "__main__":
    sys.exit(main())
