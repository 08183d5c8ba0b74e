"""The service under load and under attack: rows 13 to 15 of docs/reliability.md.

    python benchmarks/load.py [--seconds 60] [--clients 64] [--megabytes 20]

Starts `colorizegan serve` on 127.0.0.1 and drives it from this process; every loop is bounded. On a machine with few
cores the clients take a good part of them, so times are upper bounds. Prints a Markdown table.
"""

import argparse
import asyncio
import contextlib
import hashlib
import io
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from stopwatch import Stopwatch

NAMES = ("../../etc/x", "/etc/passwd", "a\x00b.jpg", "C:\\x.jpg", "\\\\host\\share\\x", "\u2024\u2024/x", "n" * 4096)


@dataclass
class Reply:
    """An answer, or status 0 where the connection was cut."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    seconds: float = 0.0


class Service:
    """The program under test."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        command = [sys.executable, "-m", "colorizegan", "serve", "--port", str(self.port), "--quiet"]
        self.process = subprocess.Popen(command, env=os.environ | {"TMPDIR": str(folder)})
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the service did not start")

    def memory(self) -> float:
        """Resident memory of the service and its decoders, MB."""
        total = 0
        for pid in [self.process.pid, *self.children()]:
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            total += next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)
        return total / 1024

    def children(self) -> list[int]:
        found: list[int] = []
        for path in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # threads come and go
                found += map(int, path.read_text().split())
        return found

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def files(self) -> int:
        return sum(1 for path in self.temporary.rglob("*") if path.is_file())


async def ask(port: int, method: str, path: str, body: bytes = b"", headers: str = "", wait: float = 90) -> Reply:
    """One request on a connection of its own."""
    start = time.perf_counter()
    reply = Reply()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 26)
    except OSError:
        return reply
    try:
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}{headers}\r\n".encode())
        writer.write(body)
        raw = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), wait)
        lines = raw.decode("latin-1").split("\r\n")
        reply.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if ": " in line)}
        reply.body = await asyncio.wait_for(reader.read(), wait)
        reply.status = int(lines[0].split()[1])
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
        pass
    finally:
        writer.close()
        reply.seconds = time.perf_counter() - start
    return reply


def photo(seed: int, side: tuple[int, int] = (900, 600)) -> bytes:
    """A gray JPEG; every seed another brightness in its first corner."""
    y, x = np.mgrid[0 : side[1], 0 : side[0]]
    values = 128 + 70 * np.sin(x / (20 + seed % 7)) * np.cos(y / 31)
    values[:16, :16] = 20 + 3 * (seed % 64)
    file = io.BytesIO()
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=95)
    return file.getvalue()


def padded(raw: bytes, size: int) -> bytes:
    """The same photo in a file of `size` bytes: comments, which a reader passes over."""
    comments = []
    left = size - len(raw)
    while left > 4:
        length = min(left, 65_535)
        comments.append(b"\xff\xfe" + (length - 2).to_bytes(2, "big") + bytes(length - 4))
        left -= length
    return raw[:2] + b"".join(comments) + raw[2:]


def percentile(values: list[float], share: float) -> float:
    return float(np.percentile(values, share)) if values else float("nan")


async def most_memory(service: Service, end: asyncio.Event) -> float:
    """The most memory, MB, until the end."""
    most = 0.0
    while not end.is_set():
        most = max(most, service.memory())
        await asyncio.sleep(0.2)
    return most


async def crowd(service: Service, clients: int, megabytes: int, length: float) -> dict[str, object]:
    """Row 13: many large uploads at the same time."""
    photos = [padded(photo(seed), megabytes * 1_000_000) for seed in range(8)]
    alone = [hashlib.sha256((await ask(service.port, "POST", "/v1/colorize", raw)).body).digest() for raw in photos]
    idle = service.memory()
    counts = {"right": 0, "mixed": 0, "busy": 0, "busy without Retry-After": 0, "lost": 0, "other": 0}
    stop = time.monotonic() + length
    end = asyncio.Event()
    watcher = asyncio.create_task(most_memory(service, end))
    stopwatch = Stopwatch(service.port)

    async def client(number: int) -> None:
        turn = number
        while time.monotonic() < stop:
            which = turn % len(photos)
            reply = await ask(service.port, "POST", "/v1/colorize", photos[which])
            if reply.status == 200:
                same = hashlib.sha256(reply.body).digest() == alone[which]
                counts["right" if same else "mixed"] += 1
            elif reply.status == 503:
                counts["busy" if "retry-after" in reply.headers else "busy without Retry-After"] += 1
                await asyncio.sleep(min(float(reply.headers.get("retry-after", 1)), 2))
            else:
                counts["other" if reply.status else "lost"] += 1
            turn += clients + 1

    await asyncio.gather(*map(client, range(clients)))
    end.set()
    most = await watcher
    health, nothing = stopwatch.stop()
    await asyncio.sleep(3)
    facts: dict[str, object] = dict(counts)
    facts |= {"idle MB": round(idle), "most above idle MB": round(most - idle)}
    facts |= {"above idle 3 s later MB": round(service.memory() - idle)}
    for name, seconds in (("/health", health), ("a server that does nothing", nothing)):
        figures = (percentile(seconds, share) * 1000 for share in (50, 99, 100))
        facts[f"{name}, p50, p99, most, ms"] = ", ".join(f"{value:.0f}" for value in figures)
    return facts


async def good(service: Service, length: float) -> list[float]:
    """Seconds that a well-behaved client waits for its photos."""
    raw, seconds, stop = photo(1, (480, 320)), [], time.monotonic() + length
    while time.monotonic() < stop:
        reply = await ask(service.port, "POST", "/v1/colorize", raw)
        seconds.append(reply.seconds if reply.status == 200 else 90.0)
    return seconds


async def slow(port: int, stop: float) -> None:
    """A client that sends a byte of its headers now and then."""
    while time.monotonic() < stop:
        try:
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /v1/colorize HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            while time.monotonic() < stop:
                writer.write(b"X")
                await writer.drain()
                await asyncio.sleep(1)
            writer.close()
        except OSError:
            await asyncio.sleep(0.2)


async def endless(port: int) -> tuple[int, int]:
    """A body without an end: (status, MB sent until then)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /v1/colorize HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    block = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    sent = 0
    status = asyncio.create_task(reader.readline())
    try:
        while sent < 200 and not status.done():
            writer.write(block)
            sent += 1
            await asyncio.wait_for(writer.drain(), 20)
    except (OSError, asyncio.TimeoutError):
        pass
    line = await asyncio.wait_for(status, 20)
    writer.close()
    return int((line or b"x 0").split()[1]), sent


async def attack(service: Service, length: float) -> dict[str, object]:
    """Row 14: slow headers, endless bodies, many parts, clients that leave; a good client meanwhile."""
    before_fd, before_files = service.descriptors(), service.files()
    calm = await good(service, length / 2)
    stop = time.monotonic() + length
    slow_ones = [asyncio.create_task(slow(service.port, stop)) for _ in range(200)]
    await asyncio.sleep(1)
    under = await good(service, length / 2)
    cut, sent = await endless(service.port)
    parts = b"".join(b'--b\r\nContent-Disposition: form-data; name="p%d"\r\n\r\n1\r\n' % i for i in range(100_000))
    start = time.perf_counter()
    kind = "Content-Type: multipart/form-data; boundary=b\r\n"
    many = await ask(service.port, "POST", "/v1/colorize", parts + b"--b--\r\n", kind)
    parted = time.perf_counter() - start
    raw = padded(photo(2), 5_000_000)
    for number in range(50):
        _, writer = await asyncio.open_connection("127.0.0.1", service.port)
        head = f"POST /v1/colorize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(raw)}\r\n\r\n".encode()
        writer.write(head + raw[: len(raw) * number // 50])
        await asyncio.sleep(0.02)
        writer.transport.abort()
    await asyncio.gather(*slow_ones)
    await asyncio.sleep(12)  # longer than the service waits for a silent client
    return {
        "p95 alone ms": round(1000 * percentile(calm, 95)),
        "p95 under attack ms": round(1000 * percentile(under, 95)),
        "endless body": f"{cut} after {sent} MB",
        "100,000 parts": f"{many.status} in {parted:.1f} s",
        "descriptors before, after": f"{before_fd}, {service.descriptors()}",
        "files before, after": f"{before_files}, {service.files()}",
    }


async def names(service: Service) -> dict[str, object]:
    """Row 15: file names that point elsewhere, in forms and in routes."""
    raw, statuses = photo(3, (96, 64)), []
    for name in NAMES:
        quoted = name.encode("utf-8").replace(b"\r", b"").replace(b"\n", b"").replace(b'"', b"")
        head = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="' + quoted + b'"\r\n\r\n'
        body = head + raw + b"\r\n--b--\r\n"
        kind = "Content-Type: multipart/form-data; boundary=b\r\n"
        statuses.append((await ask(service.port, "POST", "/v1/colorize", body, kind)).status)
    routes = ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1/colorize/..%2f..%2fetc", "/%00", "/" + "a" * 4096]
    answers = [(await ask(service.port, "GET", route)).status for route in routes]
    return {"names in forms": statuses, "routes": answers, "files left": service.files()}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--part", choices=("crowd", "attack", "names"), help="only this one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        try:
            await ask(service.port, "POST", "/v1/colorize", photo(0))  # the first one warms it
            print("| what | figure |\n|---|---|")
            parts: dict[str, Callable[[], Awaitable[dict[str, object]]]] = {
                "crowd": lambda: crowd(service, given.clients, given.megabytes, given.seconds),
                "attack": lambda: attack(service, given.seconds / 2),
                "names": lambda: names(service),
            }
            for title in [given.part] if given.part else parts:
                for name, value in (await parts[title]()).items():
                    print(f"| {title}: {name} | {value} |", flush=True)
        finally:
            service.process.terminate()
            service.process.wait(20)


if __name__ == "__main__":
    asyncio.run(main())
