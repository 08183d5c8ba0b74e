"""A cluster that ends while photos are under way: noticed, before Ray ends this process without a word."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from colorizegan.errors import OutputError

PAUSE = 2.0  # s, between two looks, and for an answer
RAYS_OWN = "RAY_gcs_rpc_server_reconnect_timeout_s"  # how long Ray waits for the head of its cluster to come back


@contextmanager
def watched(place: tuple[str, int]) -> Iterator[None]:
    """While the block lasts, OutputError is raised in it once the head of the cluster no longer answers.

    That is after a third of the time that Ray gives it to come back: then Ray ends the whole process, and until then
    the run has to be over. Only the main thread can be told; a block of another one, or on a system without such
    signals, goes on as it would.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or not hasattr(signal, "SIGUSR1"):
        yield
        return
    over, patience = threading.Event(), float(os.environ.get(RAYS_OWN) or 60.0) / 3

    def end(*_: object) -> None:
        if not over.is_set():
            raise OutputError("the Ray cluster has ended", remedy="start it; the same command goes on from here")

    def look() -> None:
        answered = time.monotonic()
        while not over.wait(PAUSE):
            with suppress(OSError), socket.create_connection(place, PAUSE):
                answered = time.monotonic()
            if time.monotonic() - answered > patience:
                signal.pthread_kill(main.ident or 0, signal.SIGUSR1)
                answered = time.monotonic()  # once more after as long again, if something has swallowed the error

    before = signal.signal(signal.SIGUSR1, end)
    watcher = threading.Thread(target=look, name="watches the Ray cluster", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        signal.signal(signal.SIGUSR1, before)
