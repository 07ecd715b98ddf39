"""Every setting of a run, each with its unit and its source.

`Config` and its parts, one per concept, are frozen dataclasses. The defaults are the
paper's (Krizhevsky, Sutskever, Hinton 2012). Where the authors' released source
differs, the doc says so, and the experiment `alexnet_source` follows the source.
`overrides.override` changes fields by dotted name, as the command line does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from alexnet_tf.config.by_layer import RateChange
from alexnet_tf.config.field import setting
from alexnet_tf.config.model import ModelConfig

__all__ = ["Config", "DataConfig", "ModelConfig", "OptimizerConfig", "ScheduleConfig"]


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """From a record to the network's input (paper, sections 2 and 4.1)."""

    crop_size: int = setting(224, "side of the crops, pixels (section 4.1)", minimum=1)
    crop_positions: int = setting(
        32,
        "number of crop offsets per axis: 0..31 in the paper, whose factor 2048 is 32 "
        "* 32 * 2; the source uses all 33; 1: the centre's alone",
        minimum=1,
    )
    crop_origin: str = setting(
        "centre",
        "where the offsets lie if they do not fill the image. centre: in its middle, "
        "where evaluation looks (ours); corner: from the top left, unless there is "
        "only one, as in runs of earlier versions",
        choices=("centre", "corner"),
    )
    crop_chunk: int = setting(
        1,
        "consecutive images that share one crop offset and one flip: 1 in the paper, "
        "32 in the source",
        minimum=1,
    )
    mirror: bool = setting(True, "mirror half of the images horizontally (section 4.1)")
    colour_shift: str = setting(
        "paper",
        "PCA colour shift (section 4.1). paper: eigenvectors * (a * eigenvalues), of "
        "pixels in 0..1; source: standard deviations in place of eigenvalues, of "
        "pixels in 0..255, and the image divided by 1.1; none: no shift",
        choices=("paper", "source", "none"),
    )
    colour_shift_stddev: float = setting(
        0.1, "standard deviation of the colour shift's a (section 4.1)", minimum=0
    )
    colour_shift_epochs: int = setting(
        0,
        "epoch after which the colour shift is off; 0: never. Net 145 of the source "
        "uses 67",
        minimum=0,
    )
    mean: str = setting(
        "same_crop",
        "what is subtracted. same_crop: the mean image, cropped like the image "
        "(section 2); centre_crop: always its centre (source); channel: one mean per "
        "channel",
        choices=("same_crop", "centre_crop", "channel"),
    )
    reshuffle: bool = setting(
        True, "reshuffle every epoch, by seed (ours); the source keeps one order"
    )
    num_folds: int = setting(
        0,
        "parts that the training split is divided into, one of which is held out as "
        "the split held_out (ours, for cross-validation); 0: none is",
        minimum=0,
    )
    fold: int = setting(
        0, "the part that is held out, 0 to num_folds - 1 (ours)", minimum=0
    )
    fraction: float = setting(
        1.0,
        "share of the training images to train on, above 0 and at most 1, always the "
        "same ones; with folds, of those that are not held out (ours)",
        minimum=0,
    )
    label_offset: int = setting(
        0,
        "the first class's label on disk; 1 in many other programs' ImageNet shards",
        minimum=0,
    )
    finish_on: str = setting(
        "auto",
        "where crops are mirrored, centred and colour-shifted (ours). host: in the "
        "decoding threads; device: on the training step's device, so that uint8 is "
        "copied there, a quarter of float32's bytes; auto: device if XLA compiles it",
        choices=("auto", "host", "device"),
        may_change=True,
    )
    num_parallel_maps: int = setting(
        0,
        "threads that decode and augment; 0: one per core",
        minimum=0,
        may_change=True,
    )
    prefetch_batches: int = setting(
        2,
        "batches prepared ahead, while earlier ones train (section 4.1)",
        minimum=1,
        may_change=True,
    )


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """The update rule (paper, section 5)."""

    name: str = setting(
        "momentum",
        "the update rule. momentum: the paper's (section 5). The others are not the "
        "paper's; TensorFlow Addons or, with equal results, Keras 3 computes them. "
        "sgdw: weight decay outside the velocity; moving_average, swa: the paper's "
        "rule, evaluated at an average of its weights (swa: Addons only); lookahead: "
        "the paper's rule with steps back (Addons only); multi_optimizer: `per_layer`",
        choices=(
            "momentum",
            "sgdw",
            "moving_average",
            "swa",
            "lookahead",
            "multi_optimizer",
        ),
    )
    learning_rate: float = setting(
        0.01, "initial learning rate, epsilon (section 5)", minimum=0
    )
    momentum: float = setting(0.9, "momentum of the velocity (section 5)", minimum=0)
    weight_decay: float = setting(
        0.0005,
        "weight decay, inside the velocity and times the learning rate (section 5)",
        minimum=0,
    )
    weight_decays: Mapping[str, float] = setting(
        {},
        "the same for single layers, as `LAYER=NUMBER` entries separated by spaces: "
        "'conv1=0 local3=0.004'",
    )
    bias_weight_decay: bool = setting(
        True, "decay biases too, as the paper's rule does; the source does not"
    )
    bias_rate_factor: float = setting(
        1.0, "learning rate of biases relative to kernels; 2 in the source", minimum=0
    )
    rate_factors: Mapping[str, float] = setting(
        {},
        "factors on layers' learning rates, as `LAYER=FACTOR` entries separated by "
        "spaces: 'conv1=0 fc8=10'; 0 freezes a layer (ours, for fine-tuning)",
    )
    bias_rate_follows: bool = setting(
        True, "lower the biases' learning rate with the kernels'; the source keeps it"
    )
    per_layer: Mapping[str, str] = setting(
        {},
        "for multi_optimizer (Addons', not the paper's): update rules as `LAYER=RULE` "
        "entries separated by spaces, RULE one of momentum, sgdw, adamw: 'fc7=adamw "
        "fc8=adamw'. Other layers use momentum. AdamW needs smaller rates, see "
        "`rate_factors`",
    )
    average_decay: float = setting(
        0.99,
        "for moving_average (Addons', not the paper's): decay of the average per "
        "update",
        minimum=0,
        below=1,
    )
    average_start_step: int = setting(
        0,
        "for swa (Addons', not the paper's): updates before the first snapshot",
        minimum=0,
    )
    average_every_steps: int = setting(
        10, "for swa (Addons', not the paper's): updates between snapshots", minimum=1
    )
    lookahead_steps: int = setting(
        6,
        "for lookahead (Addons', not the paper's): updates between steps back",
        minimum=1,
    )
    lookahead_step_size: float = setting(
        0.5,
        "for lookahead (Addons', not the paper's): fraction of the distance that the "
        "slow weights move towards the fast ones",
        minimum=0,
    )


@dataclasses.dataclass(frozen=True)
class ScheduleConfig:
    """When the learning rate falls (paper, section 5)."""

    name: str = setting(
        "plateau",
        "plateau: divide the rate when the validation error stops improving (section "
        "5); fixed: set the rates listed in `steps`",
        choices=("plateau", "fixed"),
    )
    factor: float = setting(10.0, "divisor of the rate per drop (section 5)", minimum=1)
    max_drops: int = setting(
        3,
        "number of drops on a plateau; the next plateau ends the run (section 5)",
        minimum=0,
    )
    patience_epochs: int = setting(
        5, "epochs without a better validation error before a drop (ours)", minimum=1
    )
    min_improvement: float = setting(
        0.001,
        "smallest fall of top-1 error, 0..1, that counts as an improvement (ours)",
        minimum=0,
    )
    scaled_from_batch: int = setting(
        0,
        "batch size that the rates are meant for; they are multiplied by batch_size / "
        "scaled_from_batch (linear scaling, Goyal et al. 2017); 0: not scaled",
        minimum=0,
    )
    warmup_epochs: float = setting(
        0.0,
        "epochs over which that factor rises from 1 (warm-up, Goyal et al. 2017)",
        minimum=0,
    )
    frozen_until: Mapping[str, float] = setting(
        {},
        "layers frozen until an epoch, as `LAYER=EPOCH` entries separated by spaces: "
        "'conv1=5 conv2=5' (ours, for fine-tuning)",
    )
    steps: tuple[RateChange, ...] = setting(
        (),
        "for fixed: `EPOCH:RATE` or `EPOCH:LAYER=RATE` entries separated by spaces, "
        "for all kernels or one layer's: '25:0.001 72:conv1=0'; rate 0 freezes",
    )


@dataclasses.dataclass(frozen=True)
class Config:
    """A run."""

    experiment: str = setting("alexnet", "name of the experiment to start from")
    init_from: str = setting(
        "",
        "directory of a run to take initial weights from, for all layers that fit, and "
        "its mean image (ours, for fine-tuning)",
    )
    init_layers: tuple[str, ...] = setting(
        (), "layers to take from init_from: 'conv1 conv2'; empty: all that fit (ours)"
    )
    seed: int = setting(
        0, "seed of weights, shuffling, augmentation, dropout", minimum=0, below=2**63
    )
    batch_size: int = setting(128, "images per step (section 5)", minimum=1)
    num_epochs: int = setting(
        90, "passes over the training split (section 5)", minimum=0, may_change=True
    )
    precision: str = setting(
        "float32",
        "float32, mixed_bfloat16, mixed_float16 (with loss scaling), or auto: "
        "mixed_bfloat16 if a measurement finds it faster, else float32",
        choices=("float32", "mixed_bfloat16", "mixed_float16", "auto"),
    )
    reproducible: bool = setting(
        True,
        "whether the same settings give the same bits again; false lets GPUs choose "
        "faster operations and round float32 products to TensorFloat-32 (ours)",
    )
    devices: tuple[str, ...] = setting(
        ("auto",),
        "devices of tower a and tower b: 'GPU:0,GPU:1' (section 3.5), one device for "
        "both, or auto: two GPUs if available, else one device",
        may_change=True,
        separator=",",
    )
    eval_batch_size: int = setting(
        128, "views per evaluation batch", minimum=1, may_change=True
    )
    eval_every_epochs: int = setting(1, "epochs between evaluations", minimum=1)
    checkpoint_every_epochs: int = setting(
        1, "epochs between checkpoints", minimum=1, may_change=True
    )
    checkpoint_every_minutes: float = setting(
        15.0, "minutes between checkpoints within an epoch", minimum=0, may_change=True
    )
    keep_checkpoints: int = setting(
        2, "newest checkpoints to keep, besides the best", minimum=1, may_change=True
    )
    log_every_steps: int = setting(
        20, "steps between log entries", minimum=1, may_change=True
    )
    profile_steps: tuple[int, ...] = setting(
        (), "FIRST,LAST: steps to record for TensorBoard's profiler", may_change=True
    )
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = dataclasses.field(default_factory=ScheduleConfig)
