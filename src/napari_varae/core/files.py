"""Files that are whole or not there: what is written replaces the previous file only once it is on disk."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["replacing", "write_file"]


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces `path` when the block ends, and leaves it untouched when the block fails.

    The bytes go to a `.partial` file in the same folder, with a name that no other writer has. It is flushed to the
    disk before it takes the place of `path`, so that neither a full disk nor a power cut leaves half a file.
    Permissions are those of any new file; a symbolic link stays one.

    Yields
    ------
    file : binary file

    Raises
    ------
    OSError
        When the folder or the file cannot be written, or the previous file is write-protected.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "result.txt"
    >>> with replacing(path) as file:
    ...     _ = file.write(b"whole")
    >>> path.read_bytes()
    b'whole'
    """
    path = Path(os.path.realpath(path))
    _check_replaceable(path)
    partial = path.with_name(f"{path.name[:40]}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_file(path: str | Path, content: str | bytes) -> None:
    """Write a text (as UTF-8) or bytes as a whole file; see :func:`replacing`."""
    with replacing(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def _check_replaceable(path: Path) -> None:
    """Raise OSError when the path is a folder, or a file that its owner has write-protected."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    if path.exists() and not path.stat().st_mode & 0o222:  # replacing a file asks only for the folder's permission
        raise PermissionError(f"{path} is write-protected")


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where a folder can be flushed (not on Windows, nor on every network drive)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
