"""A service, and a visitor of its page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from http_client import Client, running
from visitor import Visitor


@pytest.fixture(scope="module")
def client(tiny_bundle: Path) -> Iterator[Client]:
    with running(tiny_bundle) as found:
        yield found


@pytest.fixture
def visitor(browser: Any, client: Client, tmp_path: Path) -> Visitor:
    return Visitor(browser, client, tmp_path / "downloads")
