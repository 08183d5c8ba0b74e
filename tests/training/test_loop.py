"""What one step does, on a network small enough to look through: in parts, with chance inside it, and resumed."""

from pathlib import Path

import torch
from tiny_run import assert_equal, newest, overrides
from torch import Tensor, nn

from colorizegan.training.checkpoint import Checkpoint, list_checkpoints
from colorizegan.training.configure import load_config
from colorizegan.training.loop import train
from colorizegan.training.networks.discriminator import Verdict
from colorizegan.training.networks.units import ColorOutput

STAGES = (
    "stages=[{kind='pretrain_generator',images=16,size=48,batch=8,lr=1e-2},"
    "{kind='adversarial',images=24,size=48,batch=8,lr=1e-2,lr_discriminator=1e-2,adversarial=1.0}]"
)


class Plain(nn.Module):
    """Two convolutions, with dropout or a norm between them."""

    def __init__(self, between: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), between, nn.ReLU(), nn.Conv2d(8, 2, 3, 1, 1))

    def forward(self, L: Tensor, hint_ab: Tensor, hint_mask: Tensor) -> ColorOutput:
        return ColorOutput(10 * self.layers(L / 100), None)


class Judge(nn.Module):
    """A discriminator without norms."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4, 2, 1))

    def forward(self, L: Tensor, ab: Tensor) -> Verdict:
        return Verdict([self.layers(torch.cat((L, ab), dim=1) / 100)], [])


def trained(between: nn.Module, photos: Path, out: Path, *changes: str, resume: bool = False) -> Checkpoint:
    """The end of such a run."""
    config = load_config("tiny", None, overrides(photos, STAGES, "stopping.every=0", "data.holdout=0", *changes))
    torch.manual_seed(0)
    train(config, out, resume=resume, networks=(Plain(between), Judge()))
    return newest(out)


def test_a_batch_in_parts_gives_the_same_step(photos: Path, tmp_path: Path) -> None:
    runs = {parts: tmp_path / str(parts) for parts in (1, 4)}
    one, four = (trained(nn.Identity(), photos, out, f"accumulate={parts}") for parts, out in runs.items())
    for net in ("generator", "average", "discriminator"):
        for name, tensor in one.part(net).items():
            torch.testing.assert_close(four.part(net)[name], tensor, rtol=1e-3, atol=1e-5)
    for name, tensor in one.tensors.items():  # Adam's steps hide a factor on all gradients, its moments do not
        if name.endswith(".exp_avg"):
            torch.testing.assert_close(four.tensors[name], tensor, rtol=1e-3, atol=1e-5)


def test_a_batch_in_parts_counts_once_in_the_norms(photos: Path, tmp_path: Path) -> None:
    norm = nn.BatchNorm2d(8)
    moved: list[bool] = []  # whether running statistics moved, at each pass
    norm.register_forward_pre_hook(lambda m, _: moved.append(bool(m.momentum == 0.1)))
    trained(norm, photos, tmp_path, "accumulate=2")
    # Two steps of the first stage and three adversarial ones, of two parts each: one pass serves both networks.
    assert moved == [True] * 10
    assert norm.momentum == 0.1


def test_chance_inside_the_network_is_resumed(photos: Path, tmp_path: Path) -> None:
    whole = trained(nn.Dropout(0.5), photos, tmp_path / "whole")
    plain = trained(nn.Identity(), photos, tmp_path / "plain")
    assert not torch.equal(whole.part("generator")["layers.0.weight"], plain.part("generator")["layers.0.weight"])
    out = tmp_path / "run"
    trained(nn.Dropout(0.5), photos, out, "checkpoint_minutes=0")
    list_checkpoints(out / "checkpoints")[-1].unlink()
    torch.rand(7)
    again = trained(nn.Dropout(0.5), photos, out, resume=True)
    assert_equal(whole, again)
