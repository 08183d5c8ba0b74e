"""An adversarial stage ends where it starts to do harm, and goes back to the best weights it had."""

import json
from pathlib import Path

import pytest
import torch
from command import json_lines
from tiny_run import newest, overrides

from colorizegan.errors import CheckpointError
from colorizegan.training import loop
from colorizegan.training.checkpoint import load_checkpoint
from colorizegan.training.config import StoppingConfig
from colorizegan.training.configure import load_config
from colorizegan.training.validation.stopping import HoldoutScore, best_score, broken_rule, skin_turn

START = HoldoutScore(step=100, auc=80.0, delta_cf=-8.0, skin_turn=2.0)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (HoldoutScore(110, 80.0, -4.0, 5.9), ""),
        (HoldoutScore(110, 79.6, -0.1, None), ""),
        (HoldoutScore(110, 80.0, -4.0, 6.5), "hue of skin has turned 4.5 degrees away from that of the photos"),
        (HoldoutScore(110, 80.0, -4.0, -6.5), "turned 4.5 degrees away"),
        (HoldoutScore(110, 80.0, 0.5, 2.0), "delta-CF +0.50"),
        (HoldoutScore(110, 79.4, -4.0, 2.0), "AuC has fallen by 0.60 points"),
    ],
)
def test_each_rule_ends_the_stage(now: HoldoutScore, words: str) -> None:
    assert words in broken_rule(START, now, StoppingConfig())
    assert bool(words) == bool(broken_rule(START, now, StoppingConfig()))


def test_rules_where_the_start_says_little() -> None:
    vivid, yellow = HoldoutScore(100, 80.0, 3.0, None), HoldoutScore(100, 80.0, -8.0, 5.4)
    more, nearer = HoldoutScore(110, 80.0, 4.0, 20.0), HoldoutScore(110, 80.0, -8.0, 0.2)
    assert not broken_rule(vivid, more, StoppingConfig())  # nothing is crossed, no skin to go by
    assert not broken_rule(yellow, nearer, StoppingConfig())  # skin has come nearer to the photos'


def test_the_best_weights_are_the_most_colourful_that_does_no_harm() -> None:
    good, better = HoldoutScore(110, 80.2, -5.0, 3.0), HoldoutScore(120, 79.9, -2.0, 4.0)
    orange, vivid = HoldoutScore(130, 79.9, -1.0, -8.0), HoldoutScore(140, 79.9, 0.1, 4.0)
    assert best_score([START, good, better, orange, vivid], StoppingConfig()) == better
    assert best_score([START, orange, vivid], StoppingConfig()) == START
    assert best_score([START, better, HoldoutScore(150, 80.0, -2.0, 4.0)], StoppingConfig()).step == 150
    assert HoldoutScore(**json.loads(json.dumps(vars(better)))) == better


def test_the_turn_of_skin_is_from_the_photos_to_the_results() -> None:
    L = torch.full((1, 1, 20, 20), 60.0)
    truth = torch.zeros(1, 2, 20, 20)
    truth[:, :, :, 10:] = torch.tensor([10.0, 17.3205])[None, :, None, None]  # half the picture is skin, of 60 degrees
    result = torch.full((1, 2, 20, 20), -40.0)
    result[:, :, :, 10:] = torch.tensor([10.0, 10.0])[None, :, None, None]
    assert skin_turn(L, truth, result) == pytest.approx(-15.0, abs=0.01)
    result[:, :, :, 10:] = torch.tensor([-10.0, -10.0])[None, :, None, None]  # 225 degrees
    assert skin_turn(L, truth, result) == pytest.approx(165.0, abs=0.01)
    assert skin_turn(torch.full_like(L, 10.0), truth, result) is None  # too dark for skin
    assert skin_turn(L[..., :12], truth[..., :12], result[..., :12]) is None  # too little of it


@pytest.mark.parametrize(("images", "lr", "auc"), [(4000, 0.1, 0.01), (48, 1e-3, 1000.0)], ids=["broken", "used up"])
def test_a_run_goes_back_to_the_best_weights_that_it_had(
    photos: Path, tmp_path: Path, images: int, lr: float, auc: float
) -> None:
    """Steps that are far too large soon break a rule; elsewhere the stage ends with its last crop."""
    adversarial = f"{{kind='adversarial',images={images},size=48,batch=8,lr={lr},adversarial=0.1}}"
    stages = f"stages=[{{images=16,size=48,batch=8}},{adversarial}]"
    config = load_config("tiny", None, overrides(photos, stages, "stopping.every=16", f"stopping.auc={auc}"))
    loop.train(config, tmp_path)
    looks = [line for line in json_lines(tmp_path / "log.jsonl") if line["event"] == "holdout"]
    *before, last = [bool(line["broken"]) for line in looks]
    assert not any(before)
    assert last == (images == 4000)
    assert [line["step"] for line in looks] == [4, 6, 8, *range(10, 100, 2)][: len(looks)]
    assert last or len(looks) == 3
    scores = [HoldoutScore(**{name: one[name] for name in vars(START)}) for one in (looks[0]["start"], *looks)]
    best = best_score(scores, config.stopping)
    snapshots = {step: tmp_path / "snapshots" / f"step-{step:09d}.safetensors" for step in (one.step for one in scores)}
    assert sorted((tmp_path / "snapshots").glob("*.safetensors")) == list(snapshots.values())
    saved = newest(tmp_path)
    average, state = saved.part("average"), saved.facts["state"]
    assert state["step"] == scores[-1].step
    for step, path in snapshots.items():
        same = all(torch.equal(tensor, average[name]) for name, tensor in load_checkpoint(path).part("average").items())
        assert same == (step == best.step)
    loop.train(config, tmp_path, resume=True)
    assert newest(tmp_path).facts["state"] == state  # there is nothing left to do
    with pytest.raises(CheckpointError):
        loop.train(config, tmp_path)
