"""A million photos and more: what it takes, from measured figures; and what names alone take, simulated.

    python benchmarks/scale_model.py cost [--rate 10] [--price 0.04] [--bytes 300000] [--cores 64]
    python benchmarks/scale_model.py names [--names 10000000]
    python benchmarks/scale_model.py ledger [--photos 1000000]

`cost` multiplies: photos a second and core (measured by throughput.py and ray_cluster.py), bytes of a photo and of its
result, prices. `names` plans a run over made-up names in folders of a thousand, as a list file would give them (no such
photos are there). `ledger` writes the lines of a run that was stopped after so many photos, opens them as the next run
does, and looks up one photo in a thousand. Both are done in a process of their own, whose memory is told.
"""

import argparse
import math
import resource
import sys
import tempfile
import time
from pathlib import Path

from colorizegan.batch.ledger import Entry, Ledger
from colorizegan.batch.plan import make_plan

SCALES = (10**6, 10**8, 10**9)
REQUESTS = 7  # of an object store for a photo: is it there, its result, hints, sidecar by two names; read, write
PRICE_GET, PRICE_PUT = 0.4e-6, 5e-6  # dollars a request, of a large provider


def main() -> int:
    """Print one of the tables."""
    parser = argparse.ArgumentParser(
        description="What many photos take.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("what", choices=("cost", "names", "ledger"))
    parser.add_argument("--rate", type=above_zero, default=10.0, help="photos a second and core")
    parser.add_argument("--price", type=above_zero, default=0.04, help="of a core-hour, dollars")
    parser.add_argument("--bytes", type=above_zero, default=300_000, help="of a photo")
    parser.add_argument("--cores", type=whole, default=64, help="that work at a time")
    parser.add_argument("--names", type=whole, default=10_000_000, help="to plan")
    parser.add_argument("--photos", type=whole, default=1_000_000, help="in the ledger")
    given = parser.parse_args()
    if given.what == "cost":
        cost(given.rate, given.price, given.bytes, given.cores)
    elif given.what == "names":
        plan_names(given.names)
    else:
        open_ledger(given.photos)
    return 0


def above_zero(text: str) -> float:
    """A number of the command line that can be divided by."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no finite number above 0")
    return number


def whole(text: str) -> int:
    """The same without a fraction."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return number


def cost(rate: float, price: float, size: float, cores: int) -> None:
    """Time, money and bytes by the number of photos."""
    print(f"| photos | core-hours | on {cores} cores | cores' price | read and written | ledger | requests' price |")
    print("|---|---|---|---|---|---|---|")
    for photos in SCALES:
        hours = photos / rate / 3600
        requests = photos * (PRICE_PUT + (REQUESTS - 1) * PRICE_GET)
        print(
            f"| {photos:,} | {hours:,.0f} | {span(hours / cores)} | ${hours * price:,.0f} "
            f"| {2 * photos * size / 1e12:,.1f} TB | {photos * LINE / 1e9:,.1f} GB | ${requests:,.0f} |"
        )


LINE = 600  # bytes of a line of the ledger


def span(hours: float) -> str:
    """Hours, or days."""
    return f"{hours:,.1f} h" if hours < 48 else f"{hours / 24:,.1f} days"


def plan_names(count: int) -> None:
    """A plan of made-up names."""
    names = (f"/archive/box-{i // 1000:05}/scan-{i:08}.tif" for i in range(count))
    wall, cpu = time.perf_counter(), time.process_time()
    plan = make_plan([], "/results", listed=names, format="jpeg")
    print("| names planned | seconds | of the processor | largest memory |\n|---|---|---|---|")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"| {len(plan.jobs):,} | {wall:.1f} | {cpu:.1f} | {peak():.0f} MB |")


def open_ledger(count: int) -> None:
    """A ledger of made-up lines."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        ledger = Ledger(out)
        for start in range(0, count, 1000):
            entries = [made_up(i, status) for i in range(start, min(start + 1000, count)) for status in STATUSES]
            ledger.add(*entries)
        ledger.close()
        size = ledger.path.stat().st_size
        wall, cpu = time.perf_counter(), time.process_time()
        opened = Ledger(out)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        start = time.perf_counter()
        found = [opened.entry(out / f"box-{i // 1000:05}/scan-{i:08}.jpg") for i in range(0, count, 1000)]
        look = (time.perf_counter() - start) / len(found)
    assert all(found)
    print("| photos in the ledger | bytes | opened in, s | of the processor | a look, ms | largest memory |")
    print("|---|---|---|---|---|---|")
    print(f"| {len(opened.known):,} | {size:,} | {wall:.1f} | {cpu:.1f} | {look * 1e3:.3f} | {peak():.0f} MB |")


STATUSES = ("writing", "done")


def made_up(i: int, status: str) -> Entry:
    """A line of the length of a real one."""
    place = f"box-{i // 1000:05}/scan-{i:08}"
    settings = {"saturation": 1.0, "size": None, "quality": 95, "strip": False}
    return Entry(
        f"{place}.jpg", status, f"/archive/{place}.tif", 10**6, i, f"{i:064x}", f"{i + 1:064x}", "ab" * 32, settings
    )  # fmt: skip


def peak() -> float:
    """The largest memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    sys.exit(main())
