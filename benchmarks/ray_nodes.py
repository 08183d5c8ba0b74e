"""A cluster of two nodes on this machine for ray_cluster.py: two raylets, and what kills parts of it."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from colorizegan.scale.cluster import START_SECONDS, import_ray


@contextmanager
def cluster() -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """Two nodes of one core: the address, what kills the second one, and what kills both, with all that is on them."""
    import_ray()
    from ray.cluster_utils import Cluster

    node: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
    nodes = Cluster()
    try:
        first, second = (patiently(lambda: nodes.add_node(**node)) for _ in range(2))
        assert first is not second
        session = first.get_session_dir_path()

        def end() -> None:
            started = [process for process, line in processes() if session in line]
            for process in [one for root in started for one in family(root)]:
                with suppress(OSError):  # it went with another one
                    os.kill(process, signal.SIGKILL)

        yield str(nodes.address), lambda: nodes.remove_node(second, allow_graceful=False), end
    finally:
        nodes.shutdown()


def patiently(start: Any) -> Any:
    """What starts a node, up to three times: on a machine with other work it may give up."""
    for _ in range(3):
        with suppress(Exception):
            return start()
    sys.exit(f"no node of Ray has started within three times {START_SECONDS} s")


def workers() -> list[int]:
    """The processes of Ray that hold a worker of ours."""
    return [process for process, name in processes() if name.startswith("ray::") and "PhotoWorker" in name]


def processes() -> Iterator[tuple[int, str]]:
    """Ids and command lines of this user's processes."""
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with suppress(OSError):
                yield int(path.name), (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def family(process: int) -> Iterator[int]:
    """A process and all that it has started, and these in turn."""
    yield process
    with suppress(OSError):
        for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            yield from family(int(child))


def kill_worker() -> None:
    """Kill one worker of ours."""
    os.kill(workers()[0], signal.SIGKILL)


@contextmanager
def executioner(name: str) -> Iterator[list[int]]:
    """While it lasts, each worker of a cluster that opens a file of that name is killed; the list of them."""
    over, deaths = threading.Event(), list[int]()

    def opens(process: int) -> bool:
        with suppress(OSError):
            return any(link.readlink().name == name for link in Path(f"/proc/{process}/fd").iterdir())
        return False

    def watch() -> None:
        while not over.wait(0.005):
            for worker in workers():
                with suppress(OSError):
                    children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
                    if worker not in deaths and any(map(opens, [worker, *map(int, children)])):
                        os.kill(worker, signal.SIGKILL)
                        deaths.append(worker)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield deaths
    finally:
        over.set()
        thread.join()
