"""`colorizegan finetune`: a tiny model learns another rule from a folder, and the report says what that was worth."""

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command import call
from PIL import Image
from tiny_run import ANSWER, BLUE_AND_RED, draw_photos, newest

from colorizegan.errors import DataError, ModelError, OutputError, UsageError
from colorizegan.model.bundle import open_bundle
from colorizegan.training.finetune import finetune
from colorizegan.training.restore import restore
from colorizegan.training.validation.tuning_score import CHROMAS, best_chroma, mix_states, steering_score
from colorizegan.training.validation.validate import score_squares

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def test_a_bundle_gives_its_network_back(run: Path, exported: Path) -> None:
    base = restore(open_bundle(exported))
    card = json.loads((exported / "card.json").read_text())
    assert asdict(base.answer) == ANSWER == {name: card[name] for name in ANSWER}
    assert base.config.widths == (32, 32, 24, 16, 16)
    assert base.config.deep_blocks == 0
    average = newest(run).part("average")
    restored = base.net.state_dict()
    assert restored.keys() == average.keys()
    for name, tensor in average.items():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(restored[name], tensor, rtol=1e-3, atol=1e-6)  # half precision


def test_a_bundle_of_another_network_is_refused(tiny_bundle: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'unet' generator"):
        finetune((str(photos),), tmp_path / "out", model=str(tiny_bundle))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def calibrated(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of blue and red, whose card says how often a sure colour is right."""
    folder = shutil.copytree(exported, tmp_path_factory.mktemp("calibrated") / "bundle")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"confidence": {"temperature": 0.5, "right": [0.2, 0.9]}}))
    return folder


@pytest.fixture(scope="module")
def tuned(calibrated: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The model of blue and red, tuned by the command to sixty photos of yellow and green, five of them twice."""
    folder = tmp_path_factory.mktemp("tuned")
    photos = draw_photos(folder / "album", 60, light=(255, 225, 60), dark=(10, 110, 30), seed=1)
    for i in range(5):
        with Image.open(photos / f"{i}.png") as image:
            image.resize((72, 63)).save(photos / f"again-{i}.jpg", quality=90)
    arguments = ["finetune", photos, "-o", folder / "mine", "--model", calibrated, "--steps", 24, "--lr", 2e-3]
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return folder, result


@pytest.mark.slow
def test_the_tuned_model_is_better_and_the_command_says_so(tuned: tuple[Path, Any]) -> None:
    folder, result = tuned
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    counts = re.match(r"(\d+) photos to learn from, (\d+) to steer by, (\d+) to test on; (\d+) near-dup", lines[0])
    assert counts
    training, steering, testing, near = (int(n) for n in counts.groups())
    assert (training + steering + testing, testing, steering) == (65, 13, 10)
    assert near >= 5
    assert re.search(
        r"^better than the base: rebalanced AuC \+\d.*CIEDE2000 -\d.* on 13 test photos", result.stderr, re.M
    )
    assert lines[-1] == f"-> {folder / 'mine'}; report: {folder / 'mine-report' / 'report.html'}"
    assert sorted(path.name for path in folder.iterdir()) == ["album", "mine", "mine-report"]  # no work left behind


@pytest.mark.slow
def test_the_tuned_bundle_is_whole_and_knows_where_it_is_from(tuned: tuple[Path, Any], calibrated: Path) -> None:
    bundle, base = open_bundle(tuned[0] / "mine"), open_bundle(calibrated)
    assert bundle.card.name == "mine-tuned"
    assert (bundle.card.licence, bundle.card.working_size) == (base.card.licence, base.card.working_size)
    assert bundle.card.training["started_from"]["digest"] == base.digest
    assert bundle.card.training["best_step"] > 0
    assert bundle.card.data[-1]["name"] == "album"
    card = (tuned[0] / "mine" / "card.json").read_text()
    assert str(tuned[0]) not in card
    before = json.loads((calibrated / "card.json").read_text())
    for name in (ANSWER.keys() - {"chroma"}) | {"detail", "confidence"}:  # or they would differ by more than the tuning
        assert json.loads(card)[name] == before[name]
    assert json.loads(card)["chroma"] == pytest.approx(before["chroma"] * bundle.card.training["chroma"])
    assert bundle.card.training["chroma"] in CHROMAS


def test_only_what_gets_better_in_both_scores_above_nothing() -> None:
    base = {"auc_rebalanced": 60.0, "ciede2000": 10.0}
    assert steering_score(base, base) == 0
    assert steering_score({"auc_rebalanced": 64.0, "ciede2000": 9.5}, base) == pytest.approx(5.0)
    assert steering_score({"auc_rebalanced": 62.0, "ciede2000": 5.0}, base) == pytest.approx(5.0)
    assert steering_score({"auc_rebalanced": 90.0, "ciede2000": 10.1}, base) < 0  # vivid
    assert steering_score({"auc_rebalanced": 59.9, "ciede2000": 2.0}, base) < 0  # dull


@pytest.mark.parametrize("wanted", [0.8, 1.0])
def test_the_chroma_is_that_which_serves_both(wanted: float) -> None:
    """An answer of the right hues that is too vivid gets less chroma; one that is right keeps it."""
    rng = torch.Generator().manual_seed(0)
    truth = 60 * torch.rand(4, 2, 12, 12, generator=rng) - 30
    L = torch.full((4, 1, 24, 24), 60.0)
    base = score_squares(L, truth, torch.zeros_like(truth))
    seen = best_chroma(L, truth, truth / wanted, base)
    assert seen.chroma == wanted
    assert seen.score == pytest.approx(100, abs=0.5)
    assert seen.ciede2000 == pytest.approx(0, abs=0.01)


def test_a_mix_lies_between_and_changes_neither() -> None:
    base = {"w": torch.zeros(3), "count": torch.tensor(1)}
    tuned = {"w": torch.tensor([4.0, -8.0, 0.0]), "count": torch.tensor(7)}
    mixed = mix_states(base, tuned, 0.25)
    assert mixed["w"].tolist() == [1.0, -2.0, 0.0]
    assert mixed["count"] == 7
    assert base["w"].tolist() == [0.0, 0.0, 0.0]
    assert tuned["w"].tolist() == [4.0, -8.0, 0.0]


@pytest.mark.slow
def test_the_report_compares_on_photos_that_were_not_learned(tuned: tuple[Path, Any]) -> None:
    report = json.loads((tuned[0] / "mine-report" / "report.json").read_text())
    assert report["photos"] == 13
    assert {"gray", "base", "tuned", "truth"} <= set(report["entrants"])
    (note, *_) = report["notes"]
    assert "no part in training" in note
    page = (tuned[0] / "mine-report" / "report.html").read_text()
    assert note.split(";")[0] in page
    assert "tuned: worst" in page
    assert "tuned furthest behind base" in page
    assert re.search(r"base - tuned: [^<]*tuned is better in [^<]*AuC rebalanced", page)
    keys = [line.split(",")[1] for line in (tuned[0] / "mine-report" / "photos.csv").read_text().splitlines()[1:]]
    names = {re.sub(r"^\d{6}-", "", key) for key in keys}
    assert len(names) == 13
    for i in range(5):  # a photo and its copy are both here, or both not
        assert (f"{i}" in names) == (f"again-{i}" in names)


@pytest.mark.slow
def test_a_model_that_did_not_get_better_says_so(exported: Path, tmp_path: Path) -> None:
    """At this rate nothing changes."""
    light, dark = BLUE_AND_RED
    album = draw_photos(tmp_path / "album", 50, light=light, dark=dark, seed=2)
    arguments = ["finetune", album, "--model", exported, "--steps", 1, "--lr", 1e-12]
    said = call(*arguments, "-o", tmp_path / "out")
    assert said.exit_code == 0, said.output
    *_, verdict, last = said.stderr.splitlines()
    assert verdict.startswith("NOT shown to be better than the base: rebalanced AuC +0.00")
    page = tmp_path / "out-report" / "report.html"
    assert last == f"nothing was gained, so no bundle is written; --always writes it. Report: {page}"
    assert page.exists()
    assert not (tmp_path / "out").exists()
    asked = finetune((str(album),), tmp_path / "asked", model=str(exported), steps=1, lr=1e-12, always=True)
    assert not asked.better
    assert asked.bundle == tmp_path / "asked"
    kept, base = (restore(open_bundle(bundle)).net.state_dict() for bundle in (tmp_path / "asked", exported))
    assert all(torch.equal(kept[name], tensor) for name, tensor in base.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["album", "asked", "asked-report", "out-report"]


def test_what_cannot_be_tuned_on_is_one_line(exported: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least 50"):
        finetune((str(photos),), tmp_path / "out", model=str(exported))
    same = tmp_path / "same"
    same.mkdir()
    shutil.copy(photos / "0.png", same / "0.png")
    pixels = np.asarray(Image.open(same / "0.png"))
    for i in range(1, 50):
        Image.fromarray(pixels).save(same / f"{i}.png")
    with pytest.raises(DataError, match="nearly all photos are the same"):
        finetune((str(same),), tmp_path / "out", model=str(exported))
    with pytest.raises(UsageError, match="minutes"):
        finetune((str(photos),), tmp_path / "out", model=str(exported), minutes=0)
    with pytest.raises(OutputError, match="exists"):
        finetune((str(photos),), same, model=str(exported))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["same"]
