"""The small photos that come with the package, public domain or CC0: to try things on without photos of one's own."""

from pathlib import Path

FOLDERS = (Path(__file__).parent / "examples", Path(__file__).parents[2] / "examples/photos/original")


def example_photos() -> list[Path]:
    """Their files, sorted by name, in an installed package as in the source tree."""
    return sorted(file for folder in FOLDERS for file in folder.glob("*.jpg"))
