"""The method: numpy, scipy, torch and pydantic. No Qt, no napari."""

import os

# Before the first large tensor: in huge pages, as those of numpy are, a movie is compressed in two thirds of the time.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
