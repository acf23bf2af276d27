"""Running out of memory, on the CPU or on a GPU, reported in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil

__all__ = ["REMEDY", "OutOfMemoryError", "enough_memory", "format_bytes"]

REMEDY = "Close other programs, or use fewer frames or fewer latents."
SIGNS = ("out of memory", "can't allocate memory", "not enough memory")
"""What torch writes into the RuntimeError that it raises when memory runs out."""


@contextmanager
def enough_memory(remedy: str = REMEDY) -> Iterator[None]:
    """Turn what numpy and torch raise when memory runs out into a MemoryError that states how much is free.

    Parameters
    ----------
    remedy : str
        What the user can change, as a sentence.
    """
    try:
        yield
    except OutOfMemoryError:  # put into words further inside
        raise
    except MemoryError as error:
        raise _in_words("", remedy) from error
    except RuntimeError as error:
        text = str(error)
        if not any(sign in text for sign in SIGNS):
            raise
        raise _in_words(text, remedy) from error


class OutOfMemoryError(MemoryError):
    """Memory ran out, in words."""


def _in_words(text: str, remedy: str) -> OutOfMemoryError:
    if "CUDA" in text or "MPS" in text:
        return OutOfMemoryError(f"The GPU does not have enough memory for this. Set the device to 'cpu'. {remedy}")
    free = format_bytes(psutil.virtual_memory().available)
    return OutOfMemoryError(f"There is not enough memory for this ({free} are free). {remedy}")


def format_bytes(n_bytes: float) -> str:
    """Spell a number of bytes."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e8 else f"{max(n_bytes, 1e6) / 1e6:.0f} MB"
