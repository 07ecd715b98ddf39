"""Every setting of a run, each with its unit and its source.

Frozen dataclasses: `Config` holds the run, and one part per concept. The defaults are
the paper's (Krizhevsky, Sutskever, Hinton 2012); where its authors' released source
differs, the field says so and the experiment `alexnet_source` chooses it.
`settings.override` changes fields by their dotted names, as the command line does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from alexnet_tf.config.by_layer import RateChange
from alexnet_tf.config.field import setting


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """From a record to the network's input (paper, sections 2 and 4.1)."""

    crop_size: int = setting(224, "side of the crops, pixels (section 4.1)", minimum=1)
    crop_positions: int = setting(
        32,
        "crop offsets per axis: 0..N-1. The paper's factor 2048 = 32 * 32 * 2; the "
        "source uses 33, every position",
        minimum=1,
    )
    crop_chunk: int = setting(
        1,
        "consecutive images that share one crop and one flip: 1 in the paper, 32 in "
        "the source",
        minimum=1,
    )
    mirror: bool = setting(
        True, "mirror half of the images, left to right (section 4.1)"
    )
    colour_shift: str = setting(
        "paper",
        "PCA colour shift of section 4.1. paper: eigenvectors * (a * eigenvalues) of "
        "pixels in 0..1; source: standard deviations instead of eigenvalues, pixels in "
        "0..255, the result divided by 1.1; none",
        choices=("paper", "source", "none"),
    )
    colour_shift_stddev: float = setting(
        0.1, "standard deviation of the shift's a (section 4.1)", minimum=0
    )
    colour_shift_epochs: int = setting(
        0,
        "epochs after which the colour shift ends; 0: never. Net 145 of the source "
        "ends it at 67",
        minimum=0,
    )
    mean: str = setting(
        "same_crop",
        "what is subtracted: same_crop of the mean image as of the image (section "
        "2), its centre_crop whatever the crop (source), or one value per channel",
        choices=("same_crop", "centre_crop", "channel"),
    )
    reshuffle: bool = setting(
        True, "another seeded order every epoch (ours); the source keeps one order"
    )
    label_offset: int = setting(
        0,
        "label on disk of the first class; 1 in many other programs' ImageNet shards",
        minimum=0,
    )
    finish_on: str = setting(
        "auto",
        "where crops are mirrored, centred and shifted: host, by the threads that "
        "decode; device, by the step's, so that bytes go there and not float32, a "
        "fourth as many; auto: device where XLA finishes a whole batch (ours)",
        choices=("auto", "host", "device"),
        may_change=True,
    )
    num_parallel_maps: int = setting(
        0,
        "threads that decode and augment; 0: as many as there are cores",
        minimum=0,
        may_change=True,
    )
    prefetch_batches: int = setting(
        2,
        "batches made during the previous one's step (section 4.1: augmentation on "
        "the CPU is free)",
        minimum=1,
        may_change=True,
    )


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The network (paper, section 3)."""

    network: str = setting(
        "alexnet",
        "layers, kernels and towers. alexnet: the paper's two towers (figure 2); "
        "one_gpu: one tower with half of the kernels in conv1 to conv4 (section 3.2)",
        choices=("alexnet", "one_gpu"),
    )
    width: float = setting(
        1.0,
        "factor on the kernels and hidden units of every layer; 1 is the paper's "
        "network, less is for searches and tests (ours)",
        minimum=0,
    )
    activation: str = setting(
        "relu", "relu (section 3.1) or tanh", choices=("relu", "tanh")
    )
    normalization: str = setting(
        "auto",
        "how the response normalization of section 3.3 is computed. reference: "
        "tf.nn.local_response_normalization; banded: the same formula as two products "
        "with a banded matrix; fused: the same as sums that XLA compiles; auto: the "
        "fastest on processors, fused with TensorFlow 2.21; none: left out",
        choices=("auto", "reference", "banded", "fused", "none"),
    )
    normalization_scope: str = setting(
        "tower",
        "which maps are neighbours. tower: those of the same tower (section 3.5); all: "
        "both towers', tower b's first after tower a's last, as in Caffe; costs an "
        "exchange at every normalization (ours)",
        choices=("tower", "all"),
    )
    normalization_bias: float = setting(2.0, "k (section 3.3)", minimum=0)
    normalization_radius: int = setting(
        2, "maps to either side: n = 5 is radius 2 (section 3.3)", minimum=0
    )
    normalization_alpha: float = setting(
        1e-4,
        "alpha (section 3.3); the source divides it by n: 2e-5",
        minimum=0,
    )
    normalization_beta: float = setting(0.75, "beta (section 3.3)", minimum=0)
    conv1_normalized_before_relu: bool = setting(
        False,
        "normalize conv1 before its ReLU, as the source does; the paper: after "
        "(section 3.5)",
    )
    conv2_map_normalization: bool = setting(
        False,
        "the source's second normalization in conv2, within each map over 5x5 (k 1, "
        "alpha 0.001 / 25, beta 0.75), between lrn2 and pool2; the paper has none",
    )
    pool_size: int = setting(3, "pooling window z, pixels (section 3.4)", minimum=1)
    pool_stride: int = setting(2, "pooling stride s, pixels (section 3.4)", minimum=1)
    dropout_rate: float = setting(
        0.5,
        "probability of zeroing a hidden neuron of fc6, fc7 (section 4.2)",
        minimum=0,
        below=1,
    )
    dropout_scaling: str = setting(
        "test",
        "where dropout's factor stands. test: outputs times 1 - rate at test (section "
        "4.2); training: divided by it in training, as Keras does: another dynamics",
        choices=("test", "training"),
    )
    initial_stddev: float = setting(
        0.01, "standard deviation of the first kernels (section 5)", minimum=0
    )
    initial_stddev_conv345: float = setting(
        0.01, "the same in conv3, conv4, conv5; 0.03 in the source", minimum=0
    )
    initial_scaling: str = setting(
        "inputs",
        "what a width below 1 does to these deviations. inputs: multiplies a layer's "
        "by sqrt(inputs at full width / inputs), so that activations keep their size "
        "(ours); none: nothing, as in runs of earlier versions",
        choices=("inputs", "none"),
        may_change=True,
    )


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """The update rule (paper, section 5)."""

    name: str = setting(
        "momentum",
        "the update rule. momentum: the paper's (section 5). The others aren't the "
        "paper's; TensorFlow Addons computes them, or Keras 3 the same numbers. sgdw: "
        "decay outside the velocity; moving_average and swa: the paper's rule, and an "
        "average of its weights is what is evaluated (swa: Addons only); lookahead: "
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
    learning_rate: float = setting(0.01, "epsilon at the start (section 5)", minimum=0)
    momentum: float = setting(0.9, "of the velocity (section 5)", minimum=0)
    weight_decay: float = setting(
        0.0005, "inside the velocity, times the learning rate (section 5)", minimum=0
    )
    bias_weight_decay: bool = setting(
        True, "decay biases too: the paper's rule names no exception; the source: no"
    )
    bias_rate_factor: float = setting(
        1.0, "biases' learning rate over the kernels'; 2 in the source", minimum=0
    )
    rate_factors: Mapping[str, float] = setting(
        {},
        "`LAYER=FACTOR` entries separated by spaces: what a layer's rate is multiplied "
        "by, 0 freezes it: 'conv1=0 fc8=10' (ours, for fine-tuning)",
    )
    bias_rate_follows: bool = setting(
        True,
        "whether the biases' rate falls with the kernels'; in the source it stays",
    )
    per_layer: Mapping[str, str] = setting(
        {},
        "for multi_optimizer (Addons', not the paper's): `LAYER=RULE` entries "
        "separated by spaces, RULE one of momentum, sgdw, adamw: 'fc7=adamw fc8=adamw' "
        "(Adam's rates are smaller: see `rate_factors`). Others have momentum",
    )
    average_decay: float = setting(
        0.99,
        "for moving_average (Addons', not the paper's): what the average keeps of "
        "itself at an update",
        minimum=0,
        below=1,
    )
    average_start_step: int = setting(
        0,
        "for swa (Addons', not the paper's): updates before the first snapshot's",
        minimum=0,
    )
    average_every_steps: int = setting(
        10,
        "for swa (Addons', not the paper's): updates from snapshot to snapshot",
        minimum=1,
    )
    lookahead_steps: int = setting(
        6,
        "for lookahead (Addons', not the paper's): updates from one step back to the "
        "next",
        minimum=1,
    )
    lookahead_step_size: float = setting(
        0.5,
        "for lookahead (Addons', not the paper's): the slow weights' share of the way "
        "to the fast ones",
        minimum=0,
    )


@dataclasses.dataclass(frozen=True)
class ScheduleConfig:
    """When the learning rate falls (paper, section 5)."""

    name: str = setting(
        "plateau",
        "plateau: divide when the validation error stops improving (section 5); fixed: "
        "at the epochs of `steps`",
        choices=("plateau", "fixed"),
    )
    factor: float = setting(10.0, "what the rate is divided by (section 5)", minimum=1)
    max_drops: int = setting(
        3,
        "times the plateau rule divides; the next plateau ends the run (section 5)",
        minimum=0,
    )
    patience_epochs: int = setting(
        5, "epochs without a better validation error before a drop (ours)", minimum=1
    )
    min_improvement: float = setting(
        0.001,
        "a fall of top-1 error below this is none; fraction of 1 (ours)",
        minimum=0,
    )
    frozen_until: Mapping[str, float] = setting(
        {},
        "`LAYER=EPOCH` entries separated by spaces: layers that rest until that epoch: "
        "'conv1=5 conv2=5' (ours, for fine-tuning)",
    )
    steps: tuple[RateChange, ...] = setting(
        (),
        "for fixed: `EPOCH:RATE` entries separated by spaces, RATE for all kernels or "
        "`LAYER=RATE`: '25:0.001 72:conv1=0' (a rate of 0 freezes a layer)",
    )


@dataclasses.dataclass(frozen=True)
class Config:
    """A run."""

    experiment: str = setting("alexnet", "the starting point's name")
    init_from: str = setting(
        "",
        "a run's directory whose last weights this one begins with, layer by layer "
        "where they fit (ours, for fine-tuning); with its mean image",
    )
    init_layers: tuple[str, ...] = setting(
        (), "which layers init_from gives: 'conv1 conv2'; empty: all that fit (ours)"
    )
    seed: int = setting(
        0, "of weights, order, augmentation and dropout", minimum=0, below=2**63
    )
    batch_size: int = setting(128, "images per step (section 5)", minimum=1)
    num_epochs: int = setting(
        90, "passes over the training split (section 5)", minimum=0, may_change=True
    )
    precision: str = setting(
        "float32",
        "float32, mixed_bfloat16, mixed_float16 (with loss scaling), or auto: "
        "mixed_bfloat16 where it is measured to be faster, else float32",
        choices=("float32", "mixed_bfloat16", "mixed_float16", "auto"),
    )
    devices: tuple[str, ...] = setting(
        ("auto",),
        "where tower a and tower b live: 'GPU:0,GPU:1' (section 3.5), one device for "
        "both, or auto: two GPUs where there are two, else one device",
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
        2, "newest checkpoints kept, besides the best", minimum=1, may_change=True
    )
    log_every_steps: int = setting(
        20, "steps between log entries", minimum=1, may_change=True
    )
    profile_steps: tuple[int, ...] = setting(
        (), "FIRST,LAST: steps recorded for TensorBoard's profile page", may_change=True
    )
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = dataclasses.field(default_factory=ScheduleConfig)
