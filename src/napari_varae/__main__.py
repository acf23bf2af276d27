"""`python -m napari_varae`, the same as `napari-varae`."""

from napari_varae.cli import main

if __name__ == "__main__":
    main()
