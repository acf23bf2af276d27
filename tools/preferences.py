"""Write the Preferences page into the manifest, from the settings models: run this after a setting was changed."""

import sys
from pathlib import Path

import yaml

from napari_varae.viewer.preferences import configurations

MANIFEST = Path(__file__).resolve().parents[1] / "src" / "napari_varae" / "napari.yaml"
BEGIN = "  # Written by tools/preferences.py from core/settings.py."


def main() -> None:
    """Replace the last part of the manifest."""
    head = MANIFEST.read_text(encoding="utf-8").partition(f"{BEGIN}\n")[0]
    text = yaml.safe_dump({"configurations": configurations()}, sort_keys=False, width=116, allow_unicode=True)
    indented = "".join(f"  {line}\n" for line in text.splitlines())
    MANIFEST.write_text(f"{head}{BEGIN}\n{indented}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
