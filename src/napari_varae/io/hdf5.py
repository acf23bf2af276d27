"""HDF5: one lock around every call into the library, because threads that read at once crash the process."""

from __future__ import annotations

from threading import RLock

__all__ = ["HDF5_LOCK"]

HDF5_LOCK = RLock()
"""Hold it around every use of h5py or pynwb: opening, reading a data set, closing."""
