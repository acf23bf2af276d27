"""The command line: `napari-varae COMMAND`, one module for each command."""

from napari_varae.cli.app import main

__all__ = ["main"]
