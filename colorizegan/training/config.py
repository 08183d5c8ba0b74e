"""Training settings: frozen dataclasses, a sentence under each setting, presets in one table."""

import dataclasses
import json
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, get_args, get_origin

from colorizegan.data.decode import MIN_COLORFULNESS, STORE_SIDE
from colorizegan.errors import ConfigError

MIN_CROP = 48  # px
CELL = {"unet": 2, "pix2pix": 1, "zhang16": 4}  # side of the square of L, px, for which a generator gives one ab
PIX2PIX_CROP = 256  # px; the published U-Net halves eight times

StageKind = Literal["pretrain_generator", "pretrain_discriminator", "adversarial"]
GanKind = Literal["vanilla", "hinge"]


class _Settings:
    """What all groups of settings have in common."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


@dataclass(frozen=True)
class DataConfig(_Settings):
    """Which photos, and what is made of them."""

    sources: tuple[str, ...] = ()
    """Folders, shards and known data sets, as layouts.py reads them; filled from --data."""
    weights: str = ""
    """A text file of `key<TAB>share`: the share (0..1) of epochs in which that photo is seen; absent keys count 1."""
    holdout: int = 512
    """Photos set aside from training, chosen by a hash of their key, to steer the run by."""
    manifest: str = ""
    """A table with a head line and the columns `key` and `source`, separated by tabs: where each photo is from."""
    holdout_sources: tuple[str, ...] = ()
    """Sources of the manifest of which no photo is trained on; at most `holdout` of theirs steer the run."""
    store_side: int = STORE_SIDE
    """Shorter side in px to which larger photos are reduced when they are decoded into the cache."""
    min_colorfulness: float = MIN_COLORFULNESS
    """Photos below this colourfulness (Hasler & Suesstrunk 2003) are skipped: gray prints teach gray."""
    workers: int = 1
    """Loader processes; 0 loads in the training process."""


@dataclass(frozen=True)
class AugmentConfig(_Settings):
    """How the gray picture is varied; the colours to be learned are those of the photo, times `chroma`."""

    flip: bool = True
    """Mirror half of the crops."""
    film: float = 0.2
    """Share of crops seen as a film would have: spectral sensitivity, tone curve, grain, blur, JPEG."""
    hints: float = 0.15
    """Share of crops that get a few points of true colour as hints."""
    chroma: float = 1.0
    """Factor on the target ab."""


@dataclass(frozen=True)
class NetworkConfig(_Settings):
    """Generator and discriminator."""

    generator: Literal["unet", "pix2pix", "zhang16"] = "unet"
    """"unet" (ColorUNet), "pix2pix" (U-Net 256) or "zhang16" (classification), the last two as published."""
    widths: tuple[int, int, int, int, int] = (256, 192, 96, 32, 16)
    """Channels of the U-Net's decoder at 1/32, 1/16, 1/8, 1/4 and 1/2."""
    deep_blocks: int = 1
    """Residual blocks of the U-Net at 1/32, beside the one after the scene context."""
    encoder: str = ""
    """SqueezeNet 1.0 weights (safetensors) that start the U-Net's encoder; empty = random start."""
    recognizer: bool = False
    """Give the U-Net a second encoder that tells things apart, EfficientNet-Lite0: 2.3 M parameters more."""
    recognizer_weights: str = ""
    """Its weights, as scripts/efficientnet_weights.py writes them; needed unless `start` brings them."""
    recognizer_lr: float = 0.0
    """Factor on the learning rate of the second encoder; 0 = it keeps its weights."""
    attention: bool = False
    """Give the U-Net self-attention at 1/32, in place of its last residual block, and at 1/16."""
    start: str = ""
    """A checkpoint of a run of the same generator, whose averaged generator and discriminator start this run (a
    discriminator of another kind is left: this run's starts at random); or a model bundle, whose generator does: a
    folder, a zip or a name, as `--model` takes them."""
    frozen: int = 0
    """How many of the encoder's nine parts (stem, eight fire modules) keep their given weights: cheaper steps."""
    discriminator_norm: Literal["spectral", "batch"] = "spectral"
    """"spectral" or "batch"."""
    discriminator_width: int = 48
    """Channels of the discriminator's first layer."""
    discriminator_whole: bool = False
    """Let the discriminator judge the whole picture too, beside its patches."""
    discriminator_scales: int = 1
    """Discriminators, each on pairs of half the size of the one before."""


@dataclass(frozen=True)
class Stage(_Settings):
    """One stretch of training with its own losses and rates."""

    kind: StageKind = "pretrain_generator"
    """"pretrain_generator", "pretrain_discriminator" or "adversarial"."""
    images: int = 200_000
    """How many crops the stage sees."""
    size: int = 128
    """Side of the square crops in px."""
    batch: int = 32
    """Crops per step."""
    crop: float = 0.5
    """Smallest share of the photo's shorter side that a crop spans, 0..1; the largest is 1."""
    lr: float = 2e-3
    """Generator's largest learning rate (AdamW; Adam if weight_decay is 0)."""
    lr_discriminator: float = 2e-4
    """Discriminator's learning rate."""
    beta1: float = 0.9
    """First momentum of both optimizers."""
    warmup: float = 0.03
    """Share of the stage over which the generator's rate rises from 0."""
    final_lr: float = 0.02
    """Where the cosine ends, as a share of lr; 1 keeps the rate constant."""
    l1: float = 0.1
    """Weight of the ab error (per Lab unit)."""
    huber: float = 5.0
    """Lab units below which the ab error is squared; 0 = plain L1."""
    classes: float = 0.5
    """Weight of the rebalanced cross-entropy."""
    adversarial: float = 0.0
    """Weight of the generator's adversarial loss."""
    matching: float = 0.0
    """Weight of feature matching: the distance of what the discriminator sees in an answer and in the photo."""
    cast: float = 0.0
    """Weight of the error of each crop's mean ab (per Lab unit), of the answer that is judged: see
    `judged_temperature`."""
    perceptual: float = 0.0
    """Weight of the distance on the fixed feature network (losses.features)."""
    judged_temperature: float = 0.0
    """T of the U-Net's answer of both heads, for the adversarial, perceptual and cast losses and the looks that may end
    the stage; 0 = they get the ab head's."""
    judged_correction: float = 0.4
    """Share of the ab head's correction in that answer, 0..1."""


@dataclass(frozen=True)
class LossConfig(_Settings):
    """What is common to the losses of all stages."""

    gan: GanKind = "hinge"
    """"vanilla" or "hinge"."""
    rebalance: float = 0.5
    """lambda of the class rebalancing (Zhang 2016, eq. 4); 1 = none."""
    features: str = ""
    """Weights (safetensors) of the fixed network of the perceptual distance, SqueezeNet 1.0 or EfficientNet-Lite0 for
    colour; needed if a stage has a perceptual weight."""


@dataclass(frozen=True)
class StoppingConfig(_Settings):
    """When an adversarial stage ends before its time; the held-out photos decide (see stopping.py)."""

    every: int = 2_000
    """Crops between looks at the held-out photos; each look's weights are kept. 0 = no looks, the stage runs to its
    end."""
    skin_hue: float = 4.0
    """Degrees by which the hue of skin-coloured areas may turn away from that of the photos, beyond what it was before
    the stage."""
    auc: float = 0.5
    """Points by which the rebalanced AuC may fall."""


@dataclass(frozen=True)
class Config(_Settings):
    """A whole run."""

    preset: str = "default"
    """Name of the preset that the run started from."""
    seed: int = 0
    """Seeds weights, data order and augmentation."""
    stages: tuple[Stage, ...] = ()
    """What happens, in order."""
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    stopping: StoppingConfig = field(default_factory=StoppingConfig)
    precision: Literal["auto", "bf16-mixed", "32-true"] = "auto"
    """"bf16-mixed" or "32-true", as Lightning Fabric names them; "auto" takes bf16 where the hardware has it."""
    compile: bool = False
    """torch.compile both networks: faster steps after a minute or two of compiling."""
    weight_decay: float = 0.01
    """Of AdamW; 0 = Adam."""
    encoder_lr: float = 0.3
    """Factor on the learning rate of an encoder that was started from given weights."""
    ema: float = 0.999
    """Decay per step of the averaged weights, which are validated and exported."""
    threads: int = 0
    """CPU threads; 0 = all. For a training that shares the machine with other work."""
    log_every: int = 50
    """Steps between lines of the log."""
    validate_minutes: float = 10.0
    """Minutes between validations with sample pictures and curves."""
    checkpoint_minutes: float = 3.0
    """Minutes between checkpoints; 0 = after every step."""
    accumulate: int = 1
    """Parts in which a process takes its share of a batch: less memory, and the same step where no norm is over it."""
    tensorboard: bool = False
    """Write the log and the sample pictures for TensorBoard too, to the folder `tensorboard` of the run."""


_G, _D, _A = get_args(StageKind)
_PIX2PIX = Stage(
    _A, 200_000, 256, 16, 1.0, 2e-4, 2e-4, 0.5, 0.0, 1.0, l1=100 / 110, huber=0.0, classes=0.0, adversarial=1.0
)
# The adversarial term alone, to show what the L1 term is there for (Isola et al. 2017, figure 4).
_GAN = replace(_PIX2PIX, l1=0.0)
# Zhang et al. 2016: Adam 3e-5, crops of 176 px, batch 40 (their code), no other loss than the rebalanced classes.
_ZHANG16 = Stage(_G, 1_000_000, 176, 40, 0.69, 3e-5, warmup=0.0, final_lr=1.0, l1=0.0, classes=1.0)
_DEFAULT = (
    #     kind images   size batch crop lr    lr_d  beta1
    Stage(_G, 260_000, 96, 32, 0.6, 2e-3),
    Stage(_G, 130_000, 128, 32, 0.6, 1.2e-3),
    Stage(_D, 3_000, 128, 32, 0.6, lr_discriminator=2e-4, beta1=0.5),
    Stage(_A, 8_000, 128, 32, 0.6, 2e-4, 2e-4, 0.5, adversarial=0.1),
)
_SHIPPED = Stage(
    _G, 387_840, 160, 160, 0.65, 1.2e-3, final_lr=0.2, cast=0.1, judged_temperature=0.38, judged_correction=0.5
)
_TINY = (
    Stage(_G, 64, 64, 8, 0.8, 1e-3),
    Stage(_D, 16, 64, 8, 0.8, beta1=0.5),
    Stage(_A, 32, 64, 8, 0.8, 1e-4, beta1=0.5, adversarial=0.1),
)

_AS_PIX2PIX = Config(
    "pix2pix",
    stages=(_PIX2PIX,),
    augment=AugmentConfig(film=0.0, hints=0.0),
    network=NetworkConfig(generator="pix2pix", discriminator_norm="batch", discriminator_width=64),
    losses=LossConfig(gan="vanilla"),
    stopping=StoppingConfig(every=0),
    weight_decay=0.0,
    ema=0.0,
)

PRESETS: dict[str, Config] = {
    "default": Config("default", stages=_DEFAULT),
    # The network that ships, and the longest run of the chain that it came by: scripts/train_shipped.sh.
    "shipped": Config(
        "shipped",
        seed=31,
        stages=(_SHIPPED,),
        data=DataConfig(holdout=800, store_side=224),
        augment=AugmentConfig(film=0.3),
        network=NetworkConfig(recognizer=True, recognizer_lr=0.3, attention=True),
        losses=LossConfig(rebalance=0.7),
    ),
    "pix2pix": _AS_PIX2PIX,
    "gan": replace(_AS_PIX2PIX, preset="gan", stages=(_GAN,)),
    "zhang16": Config(
        "zhang16",
        stages=(_ZHANG16,),
        augment=AugmentConfig(film=0.0, hints=0.0),
        network=NetworkConfig(generator="zhang16"),
        weight_decay=1e-3,
        ema=0.0,
    ),
    "tiny": Config(
        "tiny",
        stages=_TINY,
        data=DataConfig(holdout=4, workers=0),
        network=NetworkConfig(widths=(32, 32, 24, 16, 16), deep_blocks=0, discriminator_width=8),
        stopping=StoppingConfig(every=16),
        precision="32-true",
        ema=0.9,
        log_every=1,
    ),
}


def _check_kinds(where: str, settings: Config | NetworkConfig | LossConfig | Stage) -> None:
    """ConfigError for a word that a setting may not have; `load_config` refuses it too, a Config made in Python not."""
    for setting in dataclasses.fields(settings):
        words, value = get_args(setting.type), getattr(settings, setting.name)
        if get_origin(setting.type) is Literal and value not in words:
            raise ConfigError(f"{where}{setting.name} is {value!r}", remedy=f"use one of {', '.join(words)}")


def check(config: Config) -> Config:
    """The configuration itself, or ConfigError where its values contradict each other."""
    if not config.stages:
        raise ConfigError("there are no stages")
    _check_kinds("", config)
    _check_kinds("network.", config.network)
    _check_kinds("losses.", config.losses)
    for i, stage in enumerate(config.stages):
        _check_kinds(f"stages.{i}.", stage)
        if min(stage.images, stage.size, stage.batch) <= 0 or not 0 < stage.crop <= 1:
            raise ConfigError(f"stages.{i}: images, size and batch must be above 0, crop in (0, 1]")
        if config.accumulate < 1 or stage.batch % config.accumulate:
            raise ConfigError(f"accumulate is {config.accumulate}", remedy=f"it must divide stages.{i}.batch")
        if config.network.generator == "pix2pix" and stage.size % PIX2PIX_CROP:
            remedy = f"pix2pix needs a multiple of {PIX2PIX_CROP} px"
            raise ConfigError(f"stages.{i}.size is {stage.size}", remedy=remedy)
        cell = CELL[config.network.generator]
        if config.network.discriminator_scales < 1:
            raise ConfigError("network.discriminator_scales is below 1", remedy="1 is one discriminator")
        seen = 24 << (config.network.discriminator_scales - 1)  # px of an answer; no patch is given on less
        least = MIN_CROP if stage.kind == "pretrain_generator" else max(MIN_CROP, seen * cell)
        if stage.size < least or stage.size % cell:  # the sizes of answer and target would round apart
            remedy = f"it must be a multiple of {cell}, and {least} px or more, for {config.network.generator}"
            raise ConfigError(f"stages.{i}.size is {stage.size}", remedy=remedy)
        if stage.perceptual > 0 and not config.losses.features:
            raise ConfigError(f"stages.{i}.perceptual needs losses.features", remedy="give the weights of its network")
        if config.data.holdout_sources and not config.data.manifest:
            raise ConfigError("data.holdout_sources needs data.manifest", remedy="name the table of keys and sources")
        if stage.judged_temperature < 0 or not 0 <= stage.judged_correction <= 1:
            raise ConfigError(f"stages.{i}: judged_temperature must be 0 or more, judged_correction in 0..1")
        if stage.judged_temperature > 0 and config.network.generator != "unet":
            raise ConfigError(
                f"stages.{i}.judged_temperature is for two heads", remedy=f"set it to 0 with {config.network.generator}"
            )
    return config


def to_dict(config: Config) -> dict[str, Any]:
    """The configuration as JSON-ready data."""
    return json.loads(json.dumps(dataclasses.asdict(config)))
