"""Ray: found and connected to, or one line that says why not."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from colorizegan.errors import MissingExtraError, UsageError

CONNECT_SECONDS = 5.0
LOCAL, RUNNING = "local", "auto"


def import_ray() -> Any:
    """The packages ray and ray.data. MissingExtraError where they are not there."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its logs are where it keeps them; the terminal is ours
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError("many machines need the package ray[data]", extra="ray") from error
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.setLevel(logging.CRITICAL)
    return ray


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The package ray, connected to a cluster while the block lasts; a connection that is there already is used.

    Args:
        address: HOST:PORT of a cluster; "auto" = the one that runs on this machine or that the environment variable
            RAY_ADDRESS names; "local" = a new one of this machine alone.

    Raises:
        UsageError: nothing answers there.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    if address not in (LOCAL, RUNNING):
        check_answers(address)
    try:
        with silent():
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        what = f"no Ray cluster answers at {address!r} ({str(error)[:200]})"
        raise UsageError(what, remedy="start one with: ray start --head, or say --ray local") from None
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def silent() -> Iterator[None]:
    """Nothing comes to standard error, from whatever language; what goes wrong is raised."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def check_answers(address: str) -> None:
    """UsageError unless something listens at HOST:PORT; Ray itself would try for a minute."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise UsageError(f"--ray {address!r} is no address", remedy="give HOST:PORT, auto or local")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        what = f"no Ray cluster answers at {address!r} ({getattr(error, 'strerror', None) or error})"
        raise UsageError(what, remedy="start one with: ray start --head") from None
