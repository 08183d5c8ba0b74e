"""Many machines: what a cluster makes of a folder while workers, a node and the driver are killed, and how fast.

    python benchmarks/ray_cluster.py equal [--photos 1000] [--model MODEL]
    python benchmarks/ray_cluster.py small [--photos 100] [--model MODEL]
    python benchmarks/ray_cluster.py ended [--photos 100] [--model MODEL]
    python benchmarks/ray_cluster.py elsewhere [--photos 1000] [--model MODEL] [--s3]
    python benchmarks/ray_cluster.py speed [--photos 200] [--model MODEL]

All but `small` start a real cluster of two nodes on this machine: two raylets, with one core each.
`equal` runs `colorizegan colorize` over small made-up photos, 2 % of them broken, one deadly (the worker that opens it
is killed), first without a cluster, then on it. One worker is killed on the way, then one node, then the driver; the
same command goes on to its end on the node that is left. `small` kills one worker of `--ray local`; `ended` kills both
nodes, and a plain run goes on. `elsewhere` does it undisturbed with fsspec's file system, or with --s3 a server of the
S3 kind (needs moto[server]). Trees are compared byte for byte, ledgers but for order and times. `speed`: photos of
1 Mpx a second and core, from first result to last.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from ray_nodes import cluster, executioner, kill_worker
from s3_server import s3_server

DEADLY = "deadly.png"
LEDGER = "colorizegan"


def main() -> int:
    """Print what was seen as a table."""
    parser = argparse.ArgumentParser(description="A cluster of two nodes.")
    parser.add_argument("what", choices=("equal", "small", "ended", "elsewhere", "speed"))
    parser.add_argument("--photos", type=int)
    parser.add_argument("--model", default="default", help="bundle, or a name of the package")
    parser.add_argument("--s3", action="store_true", help="a server of the S3 kind")
    given = parser.parse_args()
    count = given.photos or (200 if given.what == "speed" else 1000)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if given.what == "equal":
            rows = equal(work, count, given.model)
        elif given.what == "small":
            rows = small(work, given.photos or 100, given.model)
        elif given.what == "ended":
            rows = ended(work, given.photos or 100, given.model)
        elif given.what == "elsewhere":
            rows = elsewhere(work, count, given.model, s3=given.s3)
        else:
            rows = speed(work, count, given.model)
    print("| what | found |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    return 0


def equal(work: Path, count: int, model: str) -> dict[str, object]:
    """A run with all kinds of losses against one without a cluster."""
    album, plain, out = work / "album", work / "plain", work / "out"
    make_album(album, count, (300, 400), deadly=True)
    finish(command(album, plain, model))
    with cluster() as (address, kill_node, _), executioner(DEADLY) as deaths:
        arguments = command(album, out, model, "--ray", address)
        lost = ""
        with subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as driver:
            for share, kill in ((0.1, kill_worker), (0.3, kill_node), (0.6, driver.kill)):
                wait_for(lambda share=share: done(out) >= share * count, driver)
                kill()
                lost += f" {done(out)}"
        said = finish(arguments)
        killed = len(deaths)
    deadly = [line for line in said.splitlines() if DEADLY in line]
    return {
        "results when a worker, a node, the driver were killed": lost.strip(),
        "workers that the deadly photo killed": killed,
        "lines about it": len(deadly),
        "tree": compare(tree(plain), tree(out)),
        "ledger": compare(ledger(plain), ledger(out)),
        "last line": said.splitlines()[-1],
    }


def small(work: Path, count: int, model: str) -> dict[str, object]:
    """A run of this machine's own cluster, one worker of which is killed."""
    album, plain, out = work / "album", work / "plain", work / "out"
    make_album(album, count, (300, 400), deadly=False)
    finish(command(album, plain, model))
    arguments, lines = command(album, out, model, "--ray", "local", "--json"), work / "lines"
    with lines.open("wb") as file, subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=file) as driver:
        wait_for(lambda: done(out) >= 0.1 * count, driver)
        killed = done(out)
        kill_worker()
        driver.communicate()
    said = lines.read_text().splitlines()
    return {
        "results when a worker was killed": killed,
        "tree": compare(tree(plain), tree(out)),
        "ledger": compare(ledger(plain), ledger(out)),
        "lines on standard output, of these no JSON": f"{len(said)}, {len(said) - sum(map(is_json, said))}",
        "last line": said[-1],
    }


def ended(work: Path, count: int, model: str) -> dict[str, object]:
    """A run whose cluster ends wholly, and a plain one that goes on."""
    album, plain, out = work / "album", work / "plain", work / "out"
    make_album(album, count, (300, 400), deadly=False)
    finish(command(album, plain, model))
    with cluster() as (address, _, end):
        arguments = command(album, out, model, "--ray", address)
        with subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as driver:
            wait_for(lambda: done(out) >= 0.1 * count, driver)
            end()
            start = time.monotonic()
            said = driver.communicate()[1].decode()
            took = round(time.monotonic() - start)
    return {
        "seconds from the end of the cluster to that of the run": took,
        "exit status": driver.returncode,
        "lines": " / ".join(said.splitlines()),
        "last line of the plain run": finish(command(album, out, model)).splitlines()[-1],
        "tree": compare(tree(plain), tree(out)),
    }


def elsewhere(work: Path, count: int, model: str, *, s3: bool) -> dict[str, object]:
    """A run from and to a file system elsewhere, and the same command again."""
    album, plain, out = work / "album", work / "plain", work / "out"
    make_album(album, count, (300, 400), deadly=False)
    finish(command(album, plain, model))
    with (
        cluster() as (address, _, _),
        s3_server(album, out) if s3 else fsspec_local(album, out) as (source, target, fetch),
    ):
        arguments = command(source, target, model, "--ray", address)
        said = finish(arguments)
        again = finish(arguments)
        fetch()
    return {
        "tree": compare(tree(plain), tree(out)),
        "ledger": compare(ledger(plain), ledger(out)),
        "last line": said.splitlines()[-1],
        "last line of the same command again": again.splitlines()[-1],
    }


def speed(work: Path, count: int, model: str) -> dict[str, object]:
    """Photos a second of the plain run and of the cluster, in turn, three times."""
    album = work / "album"
    make_album(album, count, (864, 1152), deadly=False)
    rates: dict[str, list[float]] = {"plain": [], "cluster": []}
    with cluster() as (address, _, _):
        for turn in range(3):
            for name, more in (("plain", ()), ("cluster", ("--ray", address))):
                rates[name].append(rate(command(album, work / f"{name}{turn}", model, *more)))
    plain, ray = (sorted(rates[name])[1] for name in ("plain", "cluster"))
    return {
        "photos a second, plain": f"{plain:.2f}",
        "photos a second, cluster": f"{ray:.2f}",
        "cluster / plain": f"{ray / plain:.2f}",
    }


def rate(arguments: list[str]) -> float:
    """Photos a second from a tenth of the results to the last, so that starting counts for nothing."""
    with subprocess.Popen([*arguments, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        times = [time.perf_counter() for line in process.stdout if b'"status"' in line]
    skip = len(times) // 5
    return (len(times) - 1 - skip) / (times[-1] - times[skip])


def make_album(album: Path, count: int, shape: tuple[int, int], *, deadly: bool) -> None:
    """Gray photos in two folders, every fiftieth of them broken."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    rng = np.random.default_rng(0)
    for i in range(count):
        path = album / f"box-{i % 2}" / f"{i:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        waves = 128 + 90 * np.sin(x / (9 + i % 13)) * np.cos(y / (7 + i % 11)) + rng.normal(0, 4, shape)
        Image.fromarray(np.clip(waves, 0, 255).astype(np.uint8)).save(path, quality=90)
        if i % 50 == 25:
            path.write_bytes(path.read_bytes()[:300])
    if deadly:
        noise = rng.integers(0, 255, (4000, 5000), np.uint8)
        Image.fromarray(noise).save(album / "box-0" / DEADLY, compress_level=0)


def command(source: str | Path, output: str | Path, model: str, *more: str) -> list[str]:
    """`colorizegan colorize` over a folder."""
    start = [sys.executable, "-m", "colorizegan", "colorize", str(source), "-o", str(output), "--model", model]
    return [*start, *more]


def finish(arguments: list[str]) -> str:
    """Run to the end; what was said."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stderr


def done(out: Path) -> int:
    """How many results there are."""
    return sum(1 for path in out.glob("box-*/*.jpg") if not path.name.startswith("."))


def wait_for(condition: Any, driver: subprocess.Popen[bytes]) -> None:
    """Return once it holds."""
    while not condition():
        assert driver.poll() is None, driver.stderr and driver.stderr.read().decode()
        time.sleep(0.01)


def is_json(line: str) -> bool:
    """Whether a line is a JSON object."""
    with suppress(ValueError):
        return isinstance(json.loads(line), dict)
    return False


def tree(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, but for ledgers and the deadly photo."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {n: p.read_bytes() for n, p in found.items() if not n.startswith(LEDGER) and not n.endswith(DEADLY)}


def ledger(folder: Path) -> dict[str, object]:
    """The last line of each result in the ledger, without paths of this machine and times."""
    lines: dict[str, Any] = {}
    for path in sorted(folder.glob(f"{LEDGER}*.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            if line["status"] != "writing" and not line["output"].endswith(DEADLY):
                line.pop("mtime_ns", None)
                line["input"] = "/".join(line["input"].split("/")[-2:])
                if line.get("message"):
                    line["message"] = line["message"].rpartition("/")[2]
                lines[line["output"]] = line
    return dict(sorted(lines.items()))


def compare(one: dict[str, Any], other: dict[str, Any]) -> str:
    """ "equal", or how much is not."""
    if one == other:
        return f"equal ({len(one)})"
    differ = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
    return f"{len(differ)} of {len(one)} differ, such as {sorted(differ)[0]}"


@contextmanager
def fsspec_local(album: Path, out: Path) -> Iterator[tuple[str, str, Any]]:
    """The folders by way of fsspec's file system."""
    yield f"local://{album}", f"local://{out}", lambda: None


if __name__ == "__main__":
    sys.exit(main())
