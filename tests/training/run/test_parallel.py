"""Two processes that train one network: as bare DDP would, as one process would, stopped and gone on with."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch
from command import is_running, python, waits
from safetensors.torch import load_file
from tiny_run import STAGES, assert_equal, log_of, newest, overrides

from colorizegan.errors import CheckpointError, ConfigError
from colorizegan.training.checkpoint import list_checkpoints
from colorizegan.training.config import to_dict
from colorizegan.training.configure import load_config
from colorizegan.training.loop import train
from colorizegan.training.run.parallel import check_shares
from colorizegan.training.run.runlog import sole_writer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

# Two steps, both of which are kept; no looks, so that the last weights stay; no films, because flat blocks of JPEG make
# ties in max pooling, and rounding then decides which way a gradient goes.
ADVERSARIAL = (
    "stages=[{kind='adversarial',images=16,size=48,batch=8,lr=2e-3,lr_discriminator=2e-3,beta1=0.5,adversarial=0.1}]",
    "stopping.every=0",
    "augment.film=0.0",
    "checkpoint_minutes=0",
)


def torchrun(*arguments: object) -> list[str]:
    """What Python is given for two processes on this machine."""
    return ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *map(str, arguments)]


def command(photos: Path, out: Path, *changes: str) -> list[str]:
    """`colorizegan train` in two processes."""
    settings = [item for change in overrides(photos, *changes) for item in ("--set", change)]
    return torchrun("-m", "colorizegan", "train", "--preset", "tiny", "-o", out, *settings)


def finish(arguments: list[str]) -> str:
    """Run to the end; what it said."""
    return python(*arguments).stderr


@contextmanager
def running(arguments: list[str], errors: Path) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], list[int]]]]:
    """torchrun under way, and a function that gives the ids of its workers; nothing of it is left in the end."""
    with errors.open("wb") as file, subprocess.Popen([sys.executable, *arguments], stderr=file) as process:

        def workers() -> list[int]:
            found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            return [int(child) for child in found]

        seen: list[int] = []
        try:
            yield process, lambda: seen.extend(workers()) or seen[:]
        finally:
            process.kill()
            for worker in seen:
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            assert waits(lambda: not any(is_running(worker) for worker in seen))


@pytest.fixture(scope="module")
def pair(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of all kinds of stages in two processes."""
    out = tmp_path_factory.mktemp("pair") / "run"
    finish(command(photos, out))
    return out


@pytest.fixture(scope="module")
def adversarial(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished adversarial stage in two processes."""
    out = tmp_path_factory.mktemp("adversarial") / "run"
    finish(command(photos, out, *ADVERSARIAL))
    return out


@pytest.mark.slow
def test_two_processes_equal_bare_ddp(adversarial: Path, photos: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(to_dict(load_config("tiny", None, overrides(photos, *ADVERSARIAL)))))
    finish(torchrun(Path(__file__).parents[2] / "bare_ddp.py", settings, tmp_path / "weights.safetensors"))
    expected, got = load_file(tmp_path / "weights.safetensors"), newest(adversarial).tensors
    assert expected.keys() <= got.keys()
    assert [name for name, tensor in expected.items() if not torch.equal(tensor, got[name])] == []


@pytest.mark.slow
def test_two_nodes_equal_two_processes_on_one(adversarial: Path, photos: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    settings = [item for change in overrides(photos, *ADVERSARIAL) for item in ("--set", change)]
    train_it = ["-m", "colorizegan", "train", "--preset", "tiny", "-o", str(tmp_path / "run"), *settings]
    start = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", *place]
    nodes = [
        subprocess.Popen([*start, "--node-rank", str(rank), *train_it], stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    said = [node.communicate(timeout=240)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    assert_equal(newest(adversarial), newest(tmp_path / "run"))


@pytest.mark.slow
def test_nothing_of_the_networks_holds_the_connections_in_the_end(photos: Path, tmp_path: Path) -> None:
    """Reducers that are the last to hold them end in a deadlock, now and then, on a busy machine."""
    watched = """
import gc, sys
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from colorizegan.__main__ import main

def ends(real=distributed.destroy_process_group):
    held = sum(isinstance(thing, DistributedDataParallel) for thing in gc.get_objects())
    print("reducers in the end:", held, file=sys.stderr)
    real()

distributed.destroy_process_group = ends
sys.exit(main())
"""
    alone = "stages=[{images=8,size=48,batch=8}]"
    arguments = command(photos, tmp_path / "run", alone)
    module = arguments.index("-m", 2)
    said = finish([*arguments[:module], "--no-python", sys.executable, "-c", watched, *arguments[module + 2 :]])
    assert said.count("reducers in the end: 0") == 2, said


@pytest.mark.slow
def test_kill_9_then_resume_with_two_or_with_one(pair: Path, photos: Path, tmp_path: Path) -> None:
    out, errors = tmp_path / "run", tmp_path / "errors"
    arguments = command(photos, out, "checkpoint_minutes=0", "data.workers=2")
    with running(arguments, errors) as (_, workers):
        assert waits(lambda: workers() and list_checkpoints(out / "checkpoints")), errors.read_text()
    said = finish([*arguments, "--resume"])
    assert "going on after step" in said
    assert said.count("going on after step") == 1  # only the first process speaks
    assert_equal(newest(pair), newest(out))
    assert log_of(out) == log_of(pair)
    # What two wrote, one goes on with.
    list_checkpoints(out / "checkpoints")[-1].unlink()
    step = newest(out).facts["state"]["step"]
    train(load_config("tiny", None, overrides(photos)), out, resume=True)
    assert newest(out).facts["state"]["step"] == step + 1 == newest(pair).facts["state"]["step"]
    assert newest(out).tensors.keys() == newest(pair).tensors.keys()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_one_ends_all(photos: Path, tmp_path: Path, number: signal.Signals) -> None:
    """One that is asked to end has all of them save; one that is lost leaves nobody waiting for it."""
    out, errors = tmp_path / "run", tmp_path / "errors"
    with running(command(photos, out, STAGES.replace("images=48", "images=100000")), errors) as (process, workers):
        log = out / "log.jsonl"
        assert waits(lambda: workers() and log.exists() and log.read_text().count("\n") >= 2), errors.read_text()
        both = workers()
        os.kill(both[1], number)
        assert process.wait(60) != 0
        assert [worker for worker in both if Path(f"/proc/{worker}").exists()] == []
    if number == signal.SIGTERM:
        said = errors.read_text()
        statuses = re.findall(r"exitcode  : (-?[0-9]+)", said)
        # -15: torchrun asked it once more, when it had saved and was ending already.
        assert len(statuses) == 2, said
        assert "143" in statuses, said
        assert {*statuses} <= {"143", "-15"}, said
        assert newest(out).facts["state"]["step"] == len(log.read_text().splitlines()) >= 2


@pytest.mark.slow
def test_a_signal_amid_a_validation_waits_for_the_others(photos: Path, tmp_path: Path) -> None:
    """The first process validates after each step, while the other one is at the next step already."""
    out, errors = tmp_path / "run", tmp_path / "errors"
    stages = STAGES.replace("images=48", "images=100000")
    with running(command(photos, out, stages, "validate_minutes=0"), errors) as (process, workers):
        log = out / "log.jsonl"
        assert waits(lambda: workers() and log.exists() and log.read_text().count("\n") >= 2), errors.read_text()
        os.kill(workers()[0], signal.SIGTERM)
        assert process.wait(60) != 0
    assert "exitcode  : 143" in errors.read_text()
    assert newest(out).facts["state"]["step"] >= 2


def test_one_run_at_a_time_writes_a_folder(photos: Path, tmp_path: Path) -> None:
    with sole_writer(tmp_path), pytest.raises(CheckpointError, match="is written by another run right now"):
        train(load_config("tiny", None, overrides(photos, "stages=[{images=8,size=48,batch=8}]")), tmp_path)
    assert not (tmp_path / "log.jsonl").exists()


def test_batches_must_be_dealt_out_evenly() -> None:
    config = load_config("tiny", None, ["accumulate=2"])
    check_shares(config, 4)
    with pytest.raises(ConfigError, match=r"stages\.0\.batch is 8, for 3 processes and accumulate 2; it must be"):
        check_shares(config, 3)
