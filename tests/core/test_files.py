"""Files are whole or not there, whoever else writes and whatever fails."""

import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from napari_varae.core.files import replacing, write_file

POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions and links are those of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_texts_and_bytes_are_written(tmp_path: Path):
    write_file(tmp_path / "text", "Größe\n")
    write_file(str(tmp_path / "bytes"), b"\x00\xff")
    assert (tmp_path / "text").read_bytes() == "Größe\n".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"
    assert names(tmp_path) == ["bytes", "text"]


def fail_halfway(path: Path, error: BaseException) -> None:
    with replacing(path) as file:
        file.write(b"half")
        raise error


def test_what_fails_leaves_the_previous_file(tmp_path: Path):
    path = tmp_path / "result.json"
    path.write_text("previous")
    for error in (OSError("the disk is full"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            fail_halfway(path, error)
    assert path.read_text() == "previous"
    assert names(tmp_path) == ["result.json"]


def test_a_full_disk_leaves_the_previous_file(tmp_path: Path):
    """A real limit on the size of a file, in a process of its own."""
    path = tmp_path / "result.json"
    path.write_text("previous")
    script = (
        "import resource, signal, sys\n"
        "from napari_varae.core.files import write_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_file(sys.argv[1], b'x' * 2000)\n"
        "except OSError as error: print(error)\n"
    )
    pytest.importorskip("resource")
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=60, check=True)
    assert "too large" in done.stdout
    assert path.read_text() == "previous"
    assert names(tmp_path) == ["result.json"]


def test_three_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path):
    path, done = tmp_path / "shared", threading.Event()
    texts = {letter * 5000 for letter in "abc"}
    write_file(path, next(iter(texts)))

    def write(text: str) -> None:
        for _ in range(300):
            write_file(path, text)

    def read() -> set[str]:
        seen = set()
        while not done.is_set():
            seen.add(path.read_text())
        return seen

    with ThreadPoolExecutor(4) as pool:
        reading = pool.submit(read)
        try:
            for writing in [pool.submit(write, text) for text in texts]:
                writing.result()
        finally:
            done.set()
        assert reading.result() <= texts
    assert names(tmp_path) == ["shared"]


@POSIX
def test_permissions_are_those_of_any_new_file(tmp_path: Path):
    (tmp_path / "other").touch()
    write_file(tmp_path / "ours", "")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("other", "ours")]
    assert modes[0] == modes[1]


@POSIX
def test_a_write_protected_file_is_not_replaced(tmp_path: Path):
    path = tmp_path / "published.json"
    path.write_text("previous")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="write-protected"):
        write_file(path, "new")
    assert path.read_text() == "previous"


@POSIX
def test_a_link_stays_a_link(tmp_path: Path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("previous")
    link.symlink_to(target)
    write_file(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_folder_is_not_replaced_and_a_missing_one_not_made(tmp_path: Path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="is a folder"):
        write_file(tmp_path / "taken", "")
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "missing" / "file", "")
    assert names(tmp_path) == ["taken"]


def test_a_long_name_can_be_written(tmp_path: Path):
    path = tmp_path / ("ü" * 120)
    write_file(path, "whole")
    assert path.read_text() == "whole"
