"""A service, and a visitor of its page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from films import FFmpeg
from http_client import Client, running
from pictures import put, waves
from visitor import Visitor


@pytest.fixture(scope="module")
def client(tiny_bundle: Path) -> Iterator[Client]:
    with running(tiny_bundle) as found:
        yield found


@pytest.fixture(scope="module")
def film(ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots of a second each, with sound."""
    return ffmpeg.two_shots(tmp_path_factory.mktemp("films") / "Aunt Rose, 1936.mp4")


@pytest.fixture
def visitor(browser: Any, client: Client, tmp_path: Path) -> Visitor:
    return Visitor(browser, client, tmp_path / "downloads")


@pytest.fixture
def photo(visitor: Visitor, tmp_path: Path) -> Path:
    """A gray photo that the visitor sees in colour."""
    path = put(tmp_path / "photo.png", waves(64, 96))
    visitor.show(path)
    return path
