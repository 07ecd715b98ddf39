"""What the page shows, as plain arrays and text: made by `build`, drawn by `page`."""

from __future__ import annotations

import dataclasses

import numpy as np

from alexnet_tf.inference.explain.kernels import Kernel
from alexnet_tf.inference.explain.occlusion import Occlusion
from alexnet_tf.inference.explain.receptive_field import Field


@dataclasses.dataclass(frozen=True)
class Answer:
    """A class, what the network gives it, and whether the image's folder names it."""

    name: str  # "tench, Tinca tinca (n01440764)"
    short: str  # "tench"
    probability: float  # 0..1
    is_truth: bool


@dataclasses.dataclass(frozen=True)
class Map:
    """A kernel's map, float32 [height, width], and its greatest response."""

    number: int  # of the kernel, in its tower
    response: float
    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class TowerMaps:
    """The strongest maps of a layer in one tower, strongest first."""

    name: str  # "conv1a"
    num_kernels: int
    num_active: int  # kernels whose greatest response is positive
    maps: tuple[Map, ...]


@dataclasses.dataclass(frozen=True)
class TrainingPatch:
    """A part of a training image that excites a kernel, uint8 [size, size, 3]."""

    response: float
    class_name: str  # short
    pixels: np.ndarray


@dataclasses.dataclass(frozen=True)
class KernelPatches:
    """Where a kernel responds most: in this image, and in training images."""

    kernel: Kernel
    response: float  # in this image; not positive if the kernel is silent
    patch: np.ndarray  # what that unit sees, uint8 [size, size, 3]
    weights: np.ndarray | None  # the first layer's: float32 [size, size, 3]
    # Strongest first; none if no training image excites it, None if none was read.
    training: tuple[TrainingPatch, ...] | None


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolutional layer's maps and kernels."""

    name: str  # "conv1"
    field: Field
    is_local: bool  # whether each position has kernels of its own
    low: float  # the shared scale of its maps: 0, or the least response below it
    high: float  # the greatest response of both towers
    towers: tuple[TowerMaps, ...]
    kernels: tuple[KernelPatches, ...]


@dataclasses.dataclass(frozen=True)
class ImageExplanation:
    """One image; its crop is what the network sees, uint8 [crop, crop, 3]."""

    path: str
    crop: np.ndarray
    answers: tuple[Answer, ...]  # the most probable first, five at most
    occlusion: Occlusion
    # The other classes that are the answer somewhere: short name, number of positions.
    other_answers: tuple[tuple[str, int], ...]
    saliency: np.ndarray  # float32 [crop, crop]
    layers: tuple[Layer, ...]


@dataclasses.dataclass(frozen=True)
class Explanation:
    """Some images, explained by one network."""

    facts: dict[str, str]  # of the run: what, and which
    warning: str  # that some layers are random, or ""
    images: tuple[ImageExplanation, ...]
    num_training_images: int  # that were searched for patches
    why_no_patches: str  # why that is 0: a sentence, or ""
