"""Ray: found and connected to, or one line that says why not."""

import io
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, cast

from colorizegan.errors import MissingExtraError, UsageError, first_line

log = logging.getLogger(__name__)

START_SECONDS = "120"  # that a new cluster gets; Ray's 30 and 60 are few on a machine with other work
STARTS = 3
LOCAL, RUNNING, EITHER = "local", "auto", "either"
SETTINGS_FRAME = 4  # of HTTP/2 (RFC 9113, 6.5), with which a server of gRPC, as Ray has it, begins at once
START = "start one with: ray start --head"


def import_ray() -> Any:
    """The packages ray and ray.data. MissingExtraError where they are not there."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    for name in ("raylet_start_wait_time_s", "gcs_server_request_timeout_seconds"):
        os.environ.setdefault(f"RAY_{name}", START_SECONDS)
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its logs are where it keeps them; the terminal is ours
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError("many machines need the package ray[data]", extra="ray") from error
    for handler in logging.getLogger("ray.data").handlers:
        if handler.name == "console":  # as Ray names its own; those of others stay as they are
            handler.setLevel(logging.CRITICAL)
    return ray


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The package ray, connected to a cluster while the block lasts; a connection that is there already is used.

    Args:
        address: HOST:PORT of a cluster; "auto" = the one that runs on this machine or that the environment variable
            RAY_ADDRESS names; "local" = a new one of this machine alone; "either" = as auto, and where there is none,
            as local.

    Raises:
        UsageError: nothing answers there, or no cluster begins here.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    address = checked(address)
    for left in reversed(range(STARTS)):
        try:
            with silent(), own_end():
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            break
        except Exception as error:  # Ray raises whatever it pleases, an Exception of no kind of its own too
            if "timed out during startup" in str(error) and left:  # Ray's words
                continue
            why = " ".join(str(error).split())[:200]
            if address == LOCAL:
                remedy = "try it when the machine has less to do, or leave --ray out"
                raise UsageError(f"no Ray cluster begins on this machine ({why})", remedy=remedy) from None
            remedy = f"{START}; where it was started with a token (~/.ray/auth_token), set RAY_AUTH_MODE=token"
            raise UsageError(f"no Ray cluster answers at {address!r} ({why})", remedy=remedy) from None
    try:
        with redirect_stdout(cast(Any, WithoutRay(sys.stdout))):
            yield ray
    finally:
        with silent(), redirect_stdout(io.StringIO()):  # Ray keeps something to say of lost workers until now
            ray.shutdown()


class WithoutRay:
    """Standard output for all but the threads of Ray, which writes there of each worker that was lost.

    What is there is data: JSON lines. What Ray says goes to the log.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        if not threading.current_thread().name.startswith("ray_"):
            return self.stream.write(text)
        if text.strip():
            log.info("Ray says: %s", text.strip())
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def check_machines(ray: Any) -> None:
    """UsageError unless every machine of the cluster can import ColorizeGAN: all photos would fail there."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def missing() -> str:  # within a function, so that Ray sends its code and not its place in this package
        import importlib

        try:
            importlib.import_module("colorizegan.scale.worker")
        except ImportError as error:
            return str(error)
        return ""

    ask = ray.remote(num_cpus=0, max_retries=0)(missing)
    there = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    asked = {
        place: ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote()
        for node, place in there.items()
    }
    for place, answer in asked.items():
        try:
            why = ray.get(answer)
        except ray.exceptions.RayError as error:  # a machine that ends just now is Ray's matter
            log.info("no answer from %s: %s", place, error)
            continue
        if why:
            remedy = "install it there, and start Ray from the Python that has it"
            raise UsageError(f"the machine {place} of the Ray cluster has no ColorizeGAN ({why})", remedy=remedy)


@contextmanager
def own_end() -> Iterator[None]:
    """A request to end is answered as before the block: Ray would put an answer of its own in its place."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


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


def checked(address: str) -> str:
    """An address of those of `connected` at which something answers; of "either" what it comes to.

    Ray itself would try for minutes to reach a cluster that has ended without a word.
    """
    if address == LOCAL:
        return LOCAL
    if address not in (RUNNING, EITHER):
        check_answers(address)
        return address
    named = os.environ.get("RAY_ADDRESS")
    started = Path(os.environ.get("RAY_TMPDIR") or "/tmp", "ray/ray_current_cluster")  # noqa: S108 (Ray's place for it)
    try:
        if named is None and not started.exists():
            raise UsageError("no Ray cluster runs here", remedy=f"{START}, or say --ray local")
        check_answers(named or started.read_text())
    except UsageError:
        if address == EITHER and named is None:
            return LOCAL
        raise
    return RUNNING


def check_answers(address: str) -> None:
    """UsageError unless a server of Ray's kind listens at HOST:PORT; Ray itself would try for minutes."""
    try:
        with socket.create_connection(host_and_port(address), 5.0) as connection:
            head = connection.recv(4)  # length of the first frame, and its kind
    except OSError as error:
        what = f"no Ray cluster answers at {address!r} ({first_line(error)})"
        raise UsageError(what, remedy=START) from None
    if head[3:] != bytes([SETTINGS_FRAME]):
        what = f"what answers at {address!r} is no Ray cluster"
        raise UsageError(what, remedy=f"give the port of ray start, or {START}")


def check_address(address: str) -> None:
    """UsageError unless this can be an address of `connected`, whether or not something answers there."""
    if address not in (LOCAL, RUNNING, EITHER):
        host_and_port(address)


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of HOST:PORT. UsageError where it is not of that form."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or len(port) > 5 or int(port) > 65_535:
        remedy = "give HOST:PORT, auto or local; without an address --ray stands last"
        raise UsageError(f"--ray {address!r} is no address", remedy=remedy)
    return host.strip("[]"), int(port)
