"""Settings: presets hold, TOML and dotted overrides change them, mistakes are named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from colorizegan.errors import ConfigError
from colorizegan.training.config import PRESETS, check, to_dict
from colorizegan.training.configure import from_dict, load_config


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_are_valid_and_survive_json(name: str) -> None:
    config = load_config(name)
    assert config.preset == name
    assert from_dict(to_dict(config)) == config == check(config)


def test_pix2pix_is_as_published() -> None:
    config = load_config("pix2pix")
    (stage,) = config.stages
    assert (stage.kind, stage.size, stage.lr, stage.beta1, stage.adversarial) == ("adversarial", 256, 2e-4, 0.5, 1.0)
    assert stage.l1 * 110 == pytest.approx(100)  # lambda 100 on ab scaled to -1..1
    assert stage.huber == stage.classes == 0
    assert config.losses.gan == "vanilla"


def test_toml_then_overrides(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('seed = 3\n[data]\nholdout = 7\n[[stages]]\nkind = "pretrain_generator"\nimages = 10\nlr = 1\n')
    config = load_config("default", file, ["data.holdout=9", "stages.0.images=20", "network.encoder=w.safetensors"])
    assert (config.seed, config.data.holdout, len(config.stages)) == (3, 9, 1)
    assert (config.stages[0].images, config.stages[0].lr) == (20, 1.0)
    assert config.network.encoder == "w.safetensors"
    assert load_config("default", None, ['data.sources=["a", "b"]']).data.sources == ("a", "b")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["learning_rate=1"], "no setting 'learning_rate'"),
        (["data.colour=1"], "no setting 'data.colour'"),
        (["stages.9.lr=1"], "counted from 0"),
        (["stages.0.kind=warm"], "must be pretrain_generator, pretrain_discriminator or adversarial"),
        (["stages.0.images=many"], "a whole number"),
        (["augment.flip=1"], "true or false"),
        (["seed=true"], "a whole number"),
        (["network.widths=[1,2]"], "needs 5 values"),
        (["losses.gan=wgan"], "must be vanilla or hinge"),
        (["stages.0.perceptual=1"], "losses.features"),
        (["stages.0.crop=0"], "crop"),
        (['data.holdout_sources=["a"]'], "needs data.manifest"),
        (["stages.0.size=46"], "48 px or more"),
        (["stages.0.size=49"], "a multiple of 2"),
        (["network.generator=zhang16", "stages.0.size=50"], "a multiple of 4"),
        (["network.generator=zhang16", "stages.2.size=64"], "96 px or more, for zhang16"),
        (["network.generator=pix2pix"], "256"),
        (["stages=[]"], "no stages"),
        (["stages.0.judged_temperature=-1"], "judged_temperature must be 0 or more"),
        (["stages.0.judged_correction=1.5"], "judged_correction in 0..1"),
        (["network.generator=zhang16", "stages.0.judged_temperature=0.3"], "for two heads; set it to 0 with zhang16"),
        (["seed"], "key=value"),
    ],
)
def test_mistakes_are_named(overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match="E_CONFIG") as caught:
        load_config("default", None, overrides)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (
            "stages",
            "stages.0.kind is 'adversarail'; use one of pretrain_generator, pretrain_discriminator, adversarial",
        ),
        ("losses", "losses.gan is 'wgan'; use one of vanilla, hinge"),
        ("network", "network.generator is 'resnet'; use one of unet, pix2pix, zhang16"),
        ("precision", "precision is '16'; use one of auto, bf16-mixed, 32-true"),
    ],
)
def test_words_of_settings_made_in_python_are_checked_too(where: str, words: str) -> None:
    config, word = PRESETS["tiny"], words.split("'")[1]
    wrong: dict[str, Any] = {
        "stages": (replace(config.stages[0], kind=word),),
        "losses": replace(config.losses, gan=word),
        "network": replace(config.network, generator=word),
        "precision": word,
    }
    with pytest.raises(ConfigError, match=words):
        check(replace(config, **{where: wrong[where]}))


def test_unknown_preset_and_unreadable_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="default"):
        load_config("huge")
    with pytest.raises(ConfigError, match="TOML"):
        load_config("default", tmp_path / "missing.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("seed = = 1")
    with pytest.raises(ConfigError, match=r"bad\.toml"):
        load_config("default", bad)
