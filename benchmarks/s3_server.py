"""A server of the S3 kind on this machine (moto) with an album in a bucket, for ray_cluster.py elsewhere --s3."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def s3_server(album: Path, out: Path) -> Iterator[tuple[str, str, Callable[[], None]]]:
    """URLs of the album and of a place for results, and what brings the results to the folder `out`."""
    from pyarrow.fs import FileSelector, FileType, LocalFileSystem, S3FileSystem, copy_files

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not listens(port):
            assert server.poll() is None, "the server of the S3 kind did not start: pip install moto[server]"
            time.sleep(0.01)
        place = {"endpoint_override": f"127.0.0.1:{port}", "scheme": "http", "allow_bucket_creation": True}
        store = S3FileSystem(access_key="key", secret_key="secret", region="us-east-1", **place)
        store.create_dir("archive")
        copy_files(str(album), "archive/in", source_filesystem=LocalFileSystem(), destination_filesystem=store)
        query = f"?scheme=http&endpoint_override=127.0.0.1%3A{port}&region=us-east-1"

        def fetch() -> None:
            for info in store.get_file_info(FileSelector("archive/out", recursive=True)):
                if info.type == FileType.File:
                    path = out / info.path.removeprefix("archive/out/")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with store.open_input_stream(info.path) as stream:
                        path.write_bytes(stream.read())

        yield f"s3://key:secret@archive/in{query}", f"s3://key:secret@archive/out{query}", fetch
    finally:
        server.terminate()
        server.wait()


def listens(port: int) -> bool:
    """Whether a server of this machine takes connections."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
