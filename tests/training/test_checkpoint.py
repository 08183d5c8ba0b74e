"""Checkpoints: what was saved comes back, damage is seen and the one before is used, nothing is half-written."""

from pathlib import Path

import pytest
import torch

from colorizegan.errors import CheckpointError, OutputError
from colorizegan.files import write_atomic
from colorizegan.training.checkpoint import (
    KEPT,
    Checkpoint,
    list_checkpoints,
    load_checkpoint,
    load_newest,
    load_optimizer,
    optimizer_tensors,
    save_checkpoint,
)


def state(value: float) -> Checkpoint:
    return Checkpoint({"net.w": torch.full((3,), value), "opt.0.step": torch.tensor(value)}, {"step": value})


def test_round_trip_and_only_the_last_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3, 10):
        save_checkpoint(tmp_path, step, state(step))
    assert len(list_checkpoints(tmp_path)) == KEPT
    assert len(list(tmp_path.iterdir())) == 2 * KEPT  # no temporary files, no stale hashes
    newest, passed = load_newest(tmp_path)
    assert newest is not None
    assert not passed
    assert newest.facts == {"step": 10}
    assert newest.part("net")["w"].tolist() == [10, 10, 10]


@pytest.mark.parametrize("damage", ["torn", "bit", "hash", "empty"])
def test_damage_is_seen_and_the_previous_one_is_used(tmp_path: Path, damage: str) -> None:
    save_checkpoint(tmp_path, 1, state(1))
    last = save_checkpoint(tmp_path, 2, state(2))
    content = last.read_bytes()
    if damage == "torn":
        last.write_bytes(content[:-5])
    elif damage == "bit":
        last.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "hash":
        last.with_suffix(".sha256").unlink()
    else:
        last.write_bytes(b"")
    newest, passed = load_newest(tmp_path)
    assert newest is not None
    assert newest.facts == {"step": 1}
    assert len(passed) == 1
    with pytest.raises(CheckpointError, match="E_CHECKPOINT"):
        load_checkpoint(last)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    path = tmp_path / "step-000000001.safetensors"
    torch.save({"a": 1}, path)
    import hashlib

    path.with_suffix(".sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        load_checkpoint(path)
    assert load_newest(tmp_path / "nowhere") == (None, [])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("fused", [False, True])
def test_optimizer_state_survives_exactly(tmp_path: Path, layout: torch.memory_format, fused: bool) -> None:
    picture = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))

    def trained() -> tuple[torch.nn.Conv2d, torch.optim.AdamW]:
        torch.manual_seed(0)
        net = torch.nn.Conv2d(3, 4, 3)
        net.to(memory_format=layout)  # pyright: ignore[reportCallIssue]  # torch's types omit it
        optimizer = torch.optim.AdamW(net.parameters(), 0.1, fused=fused)
        for _ in range(3):
            optimizer.zero_grad()
            net(picture).square().sum().backward()
            optimizer.step()
        return net, optimizer

    (net, optimizer), (other, _) = trained(), trained()
    fresh = torch.optim.AdamW(other.parameters(), 0.1, fused=fused)
    saved = load_checkpoint(save_checkpoint(tmp_path, 3, Checkpoint(optimizer_tensors(optimizer), {})))
    load_optimizer(fresh, saved.tensors)
    for model, opt in ((net, optimizer), (other, fresh)):
        opt.zero_grad()
        model(picture).sum().backward()
        opt.step()
    assert torch.equal(net.weight, other.weight)
    assert torch.equal(net.bias, other.bias)  # pyright: ignore[reportArgumentType]


def test_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomic(tmp_path / "file" / "x", b"1")
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomic(tmp_path / ("n" * 300), b"1")
