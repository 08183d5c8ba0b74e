"""`serve` and app.py say where to open the page, and answer there."""

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest


@pytest.mark.parametrize("program", [["-m", "colorizegan", "serve"], ["app.py"]])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_address_to_open_is_said_and_answers(
    repository: Path, tiny_bundle: Path, program: list[str], host: str
) -> None:
    command = [sys.executable, *program, "--host", host, "--port", "0", "--model", str(tiny_bundle)]
    with subprocess.Popen(command, cwd=repository, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = next(line for line in process.stderr if line.startswith("open "))
            addresses = re.findall(r"http://[^\s/]+:\d+", said)
            assert addresses, said
            assert not [address for address in addresses if "0.0.0.0" in address]  # no address that can be opened
            with urllib.request.urlopen(addresses[0], timeout=60) as answer:
                assert b"<!doctype html>" in answer.read().lower()
        finally:
            process.terminate()
            process.stderr.read()
