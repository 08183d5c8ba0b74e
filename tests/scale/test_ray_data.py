"""Many machines: the same results as on one, whatever is lost on the way, and wherever the files lie."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import COMMAND, call, json_lines, python
from pictures import colors, put

from colorizegan import __version__
from colorizegan.batch.ledger import Entry, Ledger
from colorizegan.batch.plan import Plan, make_plan
from colorizegan.batch.run import RunSettings, run_plan
from colorizegan.colorize_file import FileOptions
from colorizegan.colorizer import Colorizer
from colorizegan.errors import InputError, MissingExtraError, OutputError, UsageError
from colorizegan.files import sha256_of_file

pytest.importorskip("ray", reason='missing package: ray (pip install ".[ray]")')

from colorizegan.scale.parts import part_name
from colorizegan.scale.ray_data import colorize_dataset
from colorizegan.scale.run_ledger import RunLedger
from colorizegan.scale.sources import plan_anywhere, read_parquet
from colorizegan.scale.storage import open_url
from colorizegan.scale.worker import FOLDER, Answer, PhotoWorker, Setup, remove_abandoned, spool_prefix

DOWN = "scheme=http&endpoint_override=127.0.0.1%3A1&region=here"  # of the S3 kind, where nothing answers


def benchmark(repository: Path, *arguments: object) -> dict[str, str]:
    """The table that benchmarks/ray_cluster.py prints."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = python(repository / "benchmarks/ray_cluster.py", *arguments, timeout=900, env={**os.environ, "PATH": path})
    lines = [line.strip("|").split("|") for line in done.stdout.splitlines() if line.startswith("|")]
    return {name.strip(): value.strip() for name, value in lines}


@pytest.mark.slow
def test_a_cluster_that_ends_as_a_whole_ends_the_run_in_one_line(repository: Path, tiny_bundle: Path) -> None:
    found = benchmark(repository, "ended", "--photos", 150, "--model", tiny_bundle)
    assert found["exit status"] == "1", found
    stopped, error = found["lines"].split(" / ")[-2:]
    assert re.fullmatch(r"stopped: \d+ done, 0 skipped, \d+ failed", stopped), found
    assert error == "error: the Ray cluster has ended; start it; the same command goes on from here [E_OUTPUT]", found
    assert "E_" not in found["lines"].removesuffix(error).replace("E_DECODE", ""), found
    assert found["tree"] == "equal (147)", found


@pytest.mark.slow
def test_a_worker_is_lost(repository: Path, tiny_bundle: Path) -> None:
    """With a node and the driver lost too, and a photo that kills its worker: benchmarks/ray_cluster.py equal.

    Standard output holds JSON lines alone: Ray would write of the lost worker there.
    """
    found = benchmark(repository, "small", "--photos", 60, "--model", tiny_bundle)
    assert found["tree"] == "equal (59)", found
    assert found["ledger"] == "equal (60)", found
    assert found["lines on standard output, of these no JSON"] == "61, 0", found
    assert found["last line"].startswith('{"summary": {"done": 59, "skipped": 0, "failed": 1,'), found


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no such signal")
def test_a_run_that_is_told_to_end_leaves_nothing_half_written(tiny_bundle: Path, tmp_path: Path) -> None:
    """And its ledger has what the workers had done."""
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (600, 800), np.uint8)
    for number in range(200):
        put(album / f"{number}.jpg", noise)
    command = [*COMMAND, "colorize", album, "-o", out, "--model", tiny_bundle, "--ray", "local"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        while run.poll() is None and len(list(out.glob("*.jpg"))) < 10:
            time.sleep(0.02)
        run.terminate()
        said = run.communicate(timeout=180)[1]
    assert run.returncode == 143, said
    assert said.splitlines()[-1].startswith("stopped: "), said
    assert "@" not in said  # a trace of Ray's
    results = {path.name for path in out.glob("*.jpg")}
    assert results == {entry.output for entry in Ledger(out).entries()}
    assert {path.name for path in out.iterdir()} == results | {"colorizegan.jsonl"}


@pytest.mark.slow
def test_a_machine_without_the_package_is_named(tiny_bundle: Path, album: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/colorizegan.py").write_text("")  # found first by the workers, whose Python has no ColorizeGAN so
    script = "import os, sys; import colorizegan.scale.ray_data; from colorizegan.cli.main import main; "
    script += "os.environ['PYTHONPATH'] = sys.argv.pop(1); main()"
    out = tmp_path / "out"
    command = [sys.executable, "-c", script, tmp_path / "other", "colorize", album, "-o", out, "--model", tiny_bundle]
    command += ["--ray", "local"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2, done.stderr
    assert re.fullmatch(r"error: the machine \S+ of the Ray cluster has no ColorizeGAN .*\n", done.stderr), done.stderr
    assert list(out.rglob("*.png")) == []


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Photos in two folders, one of them broken, one in colour."""
    folder = tmp_path / "album"
    for name in ("a/1.png", "a/2.jpg", "b/1.png", "b/3.gif"):
        put(folder / name)
    (folder / "b/bad.jpg").write_bytes(b"no photo")
    put(folder / "a/colour.png", colors())
    return folder


@pytest.fixture
def memory(album: Path) -> Iterator[Any]:
    """The same in fsspec's memory, below /in."""
    import fsspec

    system = fsspec.filesystem("memory")
    for path in album.rglob("*.*"):
        system.pipe(f"/in/{path.relative_to(album).as_posix()}", path.read_bytes())
    yield system
    system.rm("/", recursive=True)


class Elsewhere:
    """A run in fsspec's memory, driven without Ray: one worker in this process."""

    def __init__(self, model: Path, spool: Path, run: str = "0123abcd", **options: Any) -> None:
        self.plan, self.places = plan_anywhere(["memory://in"], "memory://out")
        assert self.plan.output_root is not None
        assert self.places is not None
        self.root = self.plan.output_root
        digest = Colorizer(model, threads=1).network.digest
        overwrite = options.pop("overwrite", False)
        settings = RunSettings(FileOptions(**options), str(model), overwrite=overwrite)
        self.setup = Setup(run, settings, digest, __version__, self.root, self.places)
        self.worker = PhotoWorker(self.setup)
        spool.mkdir()
        self.ledger = RunLedger(self.root, self.places.results, spool, run)

    def __enter__(self) -> Elsewhere:
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.reader.close()
        self.worker.pool.shutdown()

    def work(self) -> list[Answer]:
        """What the worker answers to one block of all jobs."""
        jobs = list(self.plan.jobs)
        block = {
            "number": np.arange(len(jobs)),
            "source": [os.fsencode(str(job.source)) for job in jobs],
            "target": [os.fsencode(job.target) for job in jobs],
            "earlier": [self.ledger.earlier(job) for job in jobs],
        }
        return list(self.worker(block)["answer"])

    def note(self, answers: list[Answer]) -> None:
        """As the driver does with answers, to the end of the run."""
        self.ledger.note(0, [line for answer in answers for line in answer.lines])
        self.ledger.close()


def plain_run(album: Path, out: Path, model: Path) -> None:
    with run_plan(make_plan([str(album)], str(out)), RunSettings(model=str(model))) as results:
        list(results)


def lines_of(raw: bytes) -> list[dict[str, Any]]:
    """The lines of a ledger that tell of ends, sorted, without places and times."""
    found = json_lines(raw)
    for line in found:
        line.pop("mtime_ns", None)
        line["input"] = Path(line["input"]).name
        line["message"] = (line.get("message") or "").rpartition("/")[2]
    return sorted((line for line in found if line["status"] != "writing"), key=lambda line: line["output"])


def test_results_and_ledger_elsewhere_are_those_of_one_machine(
    album: Path, memory: Any, tiny_bundle: Path, tmp_path: Path
) -> None:
    plain_run(album, tmp_path / "plain", tiny_bundle)
    with Elsewhere(tiny_bundle, tmp_path / "spool") as run:
        answers = run.work()
        assert memory.exists("/out/colorizegan.ray-0123abcd-0.jsonl")
        run.note(answers)
    made = {name.removeprefix("/out/"): memory.cat(name) for name in memory.find("/out")}
    ledger, rows = made.pop("colorizegan.jsonl"), made.pop("colorizegan.parquet")
    plain = {p.relative_to(tmp_path / "plain").as_posix(): p for p in (tmp_path / "plain").rglob("*.*") if p.is_file()}
    assert lines_of(ledger) == lines_of(plain.pop("colorizegan.jsonl").read_bytes())
    assert made == {name: path.read_bytes() for name, path in plain.items()}
    assert rows.startswith(b"PAR1")
    names = list(read_parquet("memory://out/colorizegan.parquet", "output"))
    assert names == sorted(line["output"] for line in lines_of(ledger))
    bad = next(answer for answer in answers if answer.result.status == "failed")
    assert str(bad.result.job.source) == "memory:///in/b/bad.jpg"
    assert bad.result.reason.startswith("memory:///in/b/bad.jpg: is a text file")


def test_what_is_done_elsewhere_is_not_done_again(memory: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    with Elsewhere(tiny_bundle, tmp_path / "first") as run:
        run.note(run.work())
    before = {name: memory.cat(name) for name in memory.find("/out")}
    with Elsewhere(tiny_bundle, tmp_path / "second", "9876fedc") as run:
        answers = run.work()
        run.note(answers)
    reasons = {Path(str(a.result.job.source)).name: (a.result.status, a.result.reason) for a in answers}
    assert reasons["2.jpg"] == ("skipped", "done already; --overwrite does it again")
    assert reasons["colour.png"][0] == "skipped"
    assert reasons["bad.jpg"][0] == "failed"
    photos = {name: raw for name, raw in before.items() if not name.startswith("/out/colorizegan")}
    assert {name: memory.cat(name) for name in photos} == photos


def test_a_block_that_was_begun_is_not_done_as_a_whole_again(memory: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    """What a lost worker has sent is known by the hashes in its part."""
    with Elsewhere(tiny_bundle, tmp_path / "spool") as run:
        done = {answer.lines[0].output for answer in run.work() if answer.result.status == "done"}
        assert all(answer.lost for answer in run.work())
        memory.rm("/out/a/1.png")  # as if it had not come that far
        adopted = run.ledger.adopt()
        assert {name for name, entry in adopted.items() if entry.status == "done"} == done - {"a/1.png"}
        assert not memory.glob("/out/colorizegan.ray-*")
        run.ledger.close()
    assert b'"a/1.png"' not in memory.cat("/out/colorizegan.jsonl")


def test_a_part_that_a_lost_driver_left_is_brought_in(album: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plain_run(album, out, tiny_bundle)
    (out / "colorizegan.jsonl").rename(out / part_name("0123abcd", 0))
    ledger = RunLedger(out, None, tmp_path, "9876fedc")
    ledger.close()
    assert sorted(path.name for path in out.glob("colorizegan*")) == ["colorizegan.jsonl", "colorizegan.parquet"]
    assert {entry.output for entry in Ledger(out).entries()} >= {"a/1.png", "a/2.jpg", "b/1.png", "b/3.png"}


def test_another_model_on_a_machine_stops_the_run(memory: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    with Elsewhere(tiny_bundle, tmp_path / "spool") as run:
        other = PhotoWorker(Setup(**{**vars(run.setup), "digest": "0"}))
        run.worker.reader.close()
        run.worker = other
        answers = run.work()
    assert "has another model or version" in str(answers[0].fatal)
    assert not memory.exists("/out")


def test_plans_elsewhere(memory: Any, tmp_path: Path) -> None:
    def pairs(inputs: list[str], output: str, **options: Any) -> list[str]:
        plan, places = plan_anywhere(inputs, output, **options)
        assert places is not None
        return [f"{places.sources.path(Path(str(job.source)))} {job.target}" for job in plan.jobs]

    assert pairs(["memory://in/b"], "memory://out", format="jpeg") == [
        "/in/b/1.png /out/1.jpg", "/in/b/3.gif /out/3.jpg", "/in/b/bad.jpg /out/bad.jpg",
    ]  # fmt: skip
    assert pairs(["memory://in/a/1.png"], "memory://out", suffix="-c") == ["/in/a/1.png /out/1-c.png"]
    listed = iter(["memory://in/a/1.png", "memory://in/no/such.png"])
    assert pairs([], "memory://out", listed=listed) == [
        "/in/a/1.png /out/a/1.png", "/in/no/such.png /out/no/such.png",
    ]  # fmt: skip
    memory.pipe("/in/out/1.png", b"an earlier result")
    assert len(pairs(["memory://in"], "memory://in/out")) == 6
    assert plan_anywhere([str(tmp_path)], str(tmp_path / "out"))[1] is None


def test_libraries_of_other_programs_elsewhere_are_told_unless_they_are_named(memory: Any, tmp_path: Path) -> None:
    for root in ("/album", str(tmp_path / "album")):
        put_there = memory.pipe if root == "/album" else lambda name, raw: put_bytes(Path(name), raw)
        for name in ("a.png", "My.photoslibrary/originals/1.png", "empty.lrdata/x.txt"):
            put_there(f"{root}/{name}", b"a photo")
    (tmp_path / "link").symlink_to(tmp_path / "album/My.photoslibrary")
    for root in ("memory:///album", str(tmp_path / "album")):
        assert plan_anywhere([root], "memory://out")[0].libraries == {f"{root}/My.photoslibrary"}
        for part in ("originals/1.png", "originals"):
            names = [root, f"{root}/My.photoslibrary/{part}"]
            assert plan_anywhere(names, "memory://out")[0].libraries == {f"{root}/My.photoslibrary"}
        named = [f"{root}/My.photoslibrary", f"{root}/My.photoslibrary/", f"{root}/../album/My.photoslibrary"]
        for other in named[:2] if "://" in root else [*named, str(tmp_path / "link")]:
            assert plan_anywhere([root, other], "memory://out")[0].libraries == set(), other


def put_bytes(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(
    ("inputs", "output", "error", "said"),
    [
        (["memory://no/such"], "memory://out", InputError, "memory://no/such: is not there"),
        (["nonsense://in"], "out", UsageError, "the file system of 'nonsense://in' is not known"),
        (["memory://in"], None, UsageError, "photos elsewhere need an output"),
        (["memory://in"], "memory://out.jpg", UsageError, "is a file; give a folder"),
        (["memory://in"], "memory://in", UsageError, "holds the photos themselves"),
        (["memory://in/a"], "memory://in", UsageError, "holds the photos themselves"),
        (["memory://in", "local:///tmp"], "memory://out", UsageError, "lies in another file system"),
    ],
)
def test_what_cannot_be_planned_is_one_line(
    inputs: list[str], output: str | None, error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        plan_anywhere(inputs, output)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_from_parquet(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    file = tmp_path / "names.parquet"
    write_table(pyarrow.table({"id": [1, 2], "note": ["x", "y"], "path": ["a.jpg", "b.jpg"]}), file)
    assert list(read_parquet(str(file))) == ["a.jpg", "b.jpg"]
    assert list(read_parquet(str(file), "note")) == ["x", "y"]
    with pytest.raises(InputError, match="has no column 'id' of text, but: id, note, path; name the column"):
        list(read_parquet(str(file), "id"))
    one = pyarrow.array(["a.jpg", "a.jpg"]).dictionary_encode()
    write_table(pyarrow.table({"id": [1, 2], "file": one}), file)
    assert list(read_parquet(str(file))) == ["a.jpg", "a.jpg"]
    write_table(pyarrow.table({"title": ["Mill", "Church"], "file": ["a.jpg", "b.jpg"]}), file)
    with pytest.raises(InputError, match="has no column 'path' of text, but: title, file"):  # either may be meant
        list(read_parquet(str(file)))
    file.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"names\.parquet: cannot be read"):
        list(read_parquet(str(file)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ray", "127.0.0.1:1"], "no Ray cluster answers at '127.0.0.1:1' (Connection refused)"),
        (["--ray", "nowhere"], "--ray 'nowhere' is no address"),
        (["--ray", "127.0.0.1:65536"], "--ray '127.0.0.1:65536' is no address"),
        (["--ray", f"127.0.0.1:{'9' * 5000}"], "9' is no address"),
        (["--ray", "local", "--shard", "1/2"], "--ray shares the work itself"),
        (["--ray", "local", "--proposals", "3"], "proposals and hints are of single photos"),
    ],
)
def test_the_command_refuses_in_one_line(
    album: Path, tiny_bundle: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    result = call("colorize", album, "-o", tmp_path / "out", "--model", tiny_bundle, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_address_is_asked_for_or_not(monkeypatch: pytest.MonkeyPatch, album: Path, tmp_path: Path) -> None:
    """--ray before another option and at the end, with a value of its own, and with one that is a photo."""
    import colorizegan.scale.ray_data

    asked: list[str] = []

    def run_on_ray(*_: object, address: str, **__: object) -> None:
        asked.append(address)
        raise UsageError("enough")

    monkeypatch.setattr(colorizegan.scale.ray_data, "run_on_ray", run_on_ray)
    out, photos = ["-o", str(tmp_path / "out")], str(album)
    for arguments in (
        [photos, *out, "--ray"],
        [photos, "--ray", *out],
        [*out, "--ray", "--", photos],
        [photos, *out, "--ray", "local"],
        [photos, *out, "--ray=HOST:1"],
        [*out, "--ray", photos, photos],
    ):
        result = call("colorize", *arguments)
        assert "enough" in result.stderr, result.stderr
    assert asked == ["either", "either", "either", "local", "HOST:1", photos]


def test_an_input_that_ray_took_for_its_address_is_told() -> None:
    for value, said in (("photos", "--ray 'photos' is no address"), ("local", "no input"), ("HOST:1", "no input")):
        result = call("colorize", "--ray", value, "-o", "out")
        assert result.exit_code == 2
        assert result.stderr.startswith(f"error: {said}; ")
        assert ("without an address --ray stands last" in result.stderr) == (value == "photos")


def test_what_answers_and_is_no_cluster_is_told_at_once() -> None:
    """Ray itself would wait for minutes. A cluster is a server of gRPC, which begins with a frame of settings."""
    from colorizegan.scale.cluster import check_answers

    for said, refused in ((b"HTTP/1.1 400 Bad Request", True), (b"", True), (b"\0\0\x12\4\0\0\0\0\0", False)):
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"

            def answer(server: socket.socket = server, said: bytes = said) -> None:
                connection, _ = server.accept()
                connection.sendall(said)
                connection.close()

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises(UsageError, match="is no Ray cluster; give the port") if refused else nullcontext():
                check_answers(address)
            thread.join()


def test_a_cluster_that_has_ended_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from colorizegan.scale.cluster import checked

    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert checked("local") == checked("either") == "local"
    with pytest.raises(UsageError, match="no Ray cluster runs here; start one with: ray start --head, or say --ray lo"):
        checked("auto")
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray/ray_current_cluster").write_text("127.0.0.1:1")  # as one that was killed leaves it
    assert checked("either") == "local"
    with pytest.raises(UsageError, match=r"no Ray cluster answers at '127\.0\.0\.1:1'"):
        checked("auto")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:2")
    for address in ("auto", "either"):  # one that was asked for
        with pytest.raises(UsageError, match=r"no Ray cluster answers at '127\.0\.0\.1:2'"):
            checked(address)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no such signal")
def test_a_cluster_that_ends_is_told_in_the_middle_of_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """And once more, where that was swallowed. One that answers is left in peace, and so are other threads."""
    from colorizegan.scale import watch

    monkeypatch.setattr(watch, "PAUSE", 0.05)
    monkeypatch.setenv(watch.RAYS_OWN, "0.4")
    before = signal.getsignal(signal.SIGUSR1)
    told = 0
    with socket.create_server(("127.0.0.1", 0)) as server, watch.watched(server.getsockname()):
        time.sleep(0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = server.getsockname()

    def wait() -> None:
        nonlocal told
        with watch.watched(place):
            for _ in range(2):
                try:
                    time.sleep(180)
                except OutputError:
                    told += 1
            time.sleep(180)

    with pytest.raises(OutputError, match="the Ray cluster has ended; start it; the same command goes on from here"):
        wait()
    assert told == 2
    assert signal.getsignal(signal.SIGUSR1) is before
    done: list[bool] = []

    def elsewhere() -> None:
        with watch.watched(place):
            time.sleep(0.5)
        done.append(True)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert done


def test_what_ray_says_is_not_among_data(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """Its threads write to standard output, where JSON lines are."""
    from colorizegan.scale.cluster import connected

    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.INFO, "colorizegan"):
        patch.setattr("ray.init", lambda **_: None)
        with connected("local"):
            thread = threading.Thread(
                target=lambda: sys.stdout.write("(raylet) A worker died\n"), name="ray_listen_error_messages"
            )
            thread.start()
            thread.join()
            sys.stdout.write('{"input": "a.jpg"}\n')
            sys.stdout.flush()
            sys.stdout.buffer.write(b'{"input": "b.jpg"}\n')
        sys.stdout.write("after\n")
    assert sorted(capsys.readouterr().out.splitlines()) == ["after", '{"input": "a.jpg"}', '{"input": "b.jpg"}']
    assert "Ray says: (raylet) A worker died" in caplog.text


def test_a_cluster_that_begins_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray gives up after 30 s, by an Exception of no kind of its own."""
    import ray

    from colorizegan.scale.cluster import STARTS, connected

    late, tried = list[Exception](), list[str]()

    def init(address: str, **_: object) -> None:
        tried.append(address)
        if late:
            raise late.pop()

    monkeypatch.setattr(ray, "init", init)
    late += [Exception("The current node timed out during startup. This could happen ...")] * (STARTS - 1)
    with connected("local") as found:
        assert found is ray
    assert tried == ["local"] * STARTS
    late += [Exception("The current node timed out during startup.")] * STARTS
    with pytest.raises(UsageError, match=r"begins on this machine \(The current node timed"), connected("local"):
        pass
    late += [Exception("its disk is full")]
    with pytest.raises(UsageError, match=r"begins on this machine \(its disk is full\); .*leave --ray out"):
        connected("local").__enter__()
    assert len(tried) == 2 * STARTS + 1  # once


def test_hints_and_sidecars_elsewhere_are_those_of_one_machine(
    album: Path, memory: Any, tiny_bundle: Path, tmp_path: Path
) -> None:
    beside = {
        "a/1.png.hints.json": b'{"version": 1, "hints": [{"x": 10, "y": 10, "color": "#ff0000"}]}',
        "a/1.png.xmp": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
        b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta>',
        "a/2.jpg.hints.json": b"damaged",
    }
    for name, raw in beside.items():
        (album / name).write_bytes(raw)
        memory.pipe(f"/in/{name}", raw)
    plain_run(album, tmp_path / "plain", tiny_bundle)
    with Elsewhere(tiny_bundle, tmp_path / "spool") as run:
        run.note(run.work())
    made = {name.removeprefix("/out/"): memory.cat(name) for name in memory.find("/out")}
    ledger, _ = made.pop("colorizegan.jsonl"), made.pop("colorizegan.parquet")
    plain = {p.relative_to(tmp_path / "plain").as_posix(): p for p in (tmp_path / "plain").rglob("*.*") if p.is_file()}
    assert lines_of(ledger) == lines_of(plain.pop("colorizegan.jsonl").read_bytes())
    assert made == {name: path.read_bytes() for name, path in plain.items()}
    assert "a/1.png.xmp" in made
    assert "a/2.jpg" not in made
    with Elsewhere(
        tiny_bundle, tmp_path / "bare", "9876fedc", use_saved_hints=False, strip=True, **{"overwrite": True}
    ) as run:
        memory.rm("/out", recursive=True)
        run.note(run.work())
    assert memory.exists("/out/a/2.jpg")
    assert not memory.exists("/out/a/1.png.xmp")


def test_rows_of_names_that_are_no_text(tiny_bundle: Path, tmp_path: Path) -> None:
    ledger = RunLedger(tmp_path, None, tmp_path, "0123abcd")
    ledger.write(Entry("latin-\udce9.jpg", "done", "/in/latin-\udce9.jpg", settings={"size": None}))
    ledger.close()
    assert list(read_parquet(str(tmp_path / "colorizegan.parquet"), "output")) == ["latin-\\udce9.jpg"]
    assert [entry.output for entry in Ledger(tmp_path).entries()] == ["latin-\udce9.jpg"]


def test_a_store_that_does_not_answer_is_one_line() -> None:
    with pytest.raises(InputError) as caught:
        plan_anywhere([f"s3://me:secret@archive/in?{DOWN}"], f"s3://me:secret@archive/out?{DOWN}")
    assert str(caught.value).startswith("s3://archive/in: cannot be looked for (")
    with pytest.raises(UsageError) as refused:
        open_url("nonsense://me:secret@in/a")
    assert "secret" not in str(caught.value) + str(refused.value)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are always text")
def test_a_name_that_is_no_text_below_a_url_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "a"
    folder.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(folder) + b"/odd\xff.jpg")).touch()
    with pytest.raises(InputError) as caught:
        plan_anywhere([folder.parent.as_uri()], (tmp_path / "out").as_uri())
    said = "has a name below it that is not UTF-8; rename it, or give the folder as a path"
    assert str(caught.value).startswith(f"{folder.as_uri()}: {said}")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are always text")
def test_a_result_whose_name_is_no_text_stops_no_later_run(tmp_path: Path) -> None:
    """One that was written and not yet noted is known by its hash."""
    result = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff.jpg"))
    result.write_bytes(b"a result")
    part = Ledger(tmp_path)
    part.add(Entry(result.name, "writing", "/in/odd.jpg", output_sha256=sha256_of_file(result)))
    part.close()
    part.path.rename(tmp_path / part_name("0123abcd", 0))
    ledger = RunLedger(tmp_path, None, tmp_path, "9876fedc")
    ledger.close()
    assert [(entry.output, entry.status) for entry in Ledger(tmp_path).entries()] == [(result.name, "done")]


def test_a_dataset_without_names_is_told(tmp_path: Path) -> None:
    class Dataset:
        def iter_rows(self) -> Iterator[dict[str, str]]:
            raise AssertionError

        def columns(self) -> list[str]:
            return ["file", "id"]

    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "has no column 'path', but: file, id; rename"),
        ({"format": "xyz"}, "format 'xyz' is not written"),
        ({"quality": 0}, "quality 0"),
        ({"workers": 0}, "workers 0"),
    ]
    for arguments, said in cases:
        with pytest.raises(UsageError, match=said):
            next(iter(colorize_dataset(Dataset(), str(tmp_path / "out"), **arguments)))


def test_a_folder_that_cannot_be_written_ends_the_run(memory: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    with Elsewhere(tiny_bundle, tmp_path / "spool") as run:
        (tmp_path / "file").touch()
        setup = replace(run.setup, root=tmp_path / "file" / "below", places=None)
        other = PhotoWorker(setup)
        run.worker.reader.close()
        run.worker = other
        answers = run.work()
    assert isinstance(answers[0].fatal, OutputError)
    assert "cannot be written to (Not a directory); name another folder" in str(answers[0].fatal)


def test_handlers_of_others_hear_what_they_heard() -> None:
    from colorizegan.scale.cluster import import_ray

    import_ray()  # which sets up its own
    logger, handler = logging.getLogger("ray.data"), logging.StreamHandler()
    logger.addHandler(handler)
    try:
        import_ray()
        assert handler.level == logging.NOTSET
    finally:
        logger.removeHandler(handler)


def test_without_its_packages_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from colorizegan.scale.cluster import import_ray

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"many machines need the package ray\[data\]; .*\.\[ray\]"):
        import_ray()
    with pytest.raises(MissingExtraError, match="needs a package"):
        open_url("gdrive://x/y")


def test_a_plan_without_a_folder_for_results_is_refused(tiny_bundle: Path) -> None:
    from colorizegan.scale.ray_data import run_on_ray

    with pytest.raises(UsageError, match="need a folder"):
        run_on_ray(Plan(), None, RunSettings(model=str(tiny_bundle))).__enter__()


@pytest.mark.parametrize("place", ["file/out", "file", "/proc/out", "/sys"])
def test_an_output_that_cannot_be_made_is_told_before_ray_begins(
    album: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """And before the model is opened; so without Ray, in one line for all photos."""
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    arguments = ["colorize", album, "-o", place + "/" * (place == "file")]
    for more in ([], ["--ray", "127.0.0.1:1"]):  # where no Ray answers
        done = call(*arguments, *more, "--model", tiny_bundle)
        assert done.exit_code == 1, done.stderr
        assert done.stderr.count("\n") == 1
        assert re.search(
            r"(cannot be made|is no folder that can be written to) \(.*\); name another folder", done.stderr
        )


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc tells which processes there are")
def test_only_folders_of_processes_that_ended_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine, left = tmp_path / spool_prefix(f"{os.getpid()}-a"), tmp_path / spool_prefix(f"{ended.pid}-b")
    others = tmp_path / "c", tmp_path / f"{FOLDER}0123456789ab-{ended.pid}-d", tmp_path / f"{FOLDER}{ended.pid}-e"
    for folder in (mine, left, *others):  # of another machine that shares the disk, and of an earlier version
        (folder / "in").mkdir(parents=True)
    remove_abandoned()
    assert sorted(tmp_path.iterdir()) == sorted((mine, *others))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc tells which processes there are")
def test_the_folder_of_a_killed_driver_is_removed_by_the_next_run(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from colorizegan.scale import ray_data

    spools = tmp_path / "spools"
    spools.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spools))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = spools / spool_prefix(f"{ended.pid}-a")
    left.mkdir()
    seen: list[str] = []

    def connected(_: str) -> None:
        seen.extend(path.name for path in spools.glob("*ray*"))
        raise UsageError("enough")

    monkeypatch.setattr(ray_data, "connected", connected)
    plan = Plan(output_root=tmp_path / "out")
    with (
        pytest.raises(UsageError, match="enough"),
        ray_data.run_on_ray(plan, None, RunSettings(model=str(tiny_bundle))),
    ):
        pass
    (mine,) = seen
    assert mine.startswith(spool_prefix(f"{os.getpid()}-"))
