"""The method: numpy, scipy, torch and pydantic. No Qt, no napari."""

import os

# Linux only, and read at torch's first large allocation: tensors in huge pages, as numpy's arrays are, cause far fewer
# page faults.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
