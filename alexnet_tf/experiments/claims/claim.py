"""What a claim of the paper is: arms as settings, what is compared, and how (ours).

A claim has a *control*, which is the paper's own choice unless the claim says
otherwise, and other *arms*. Every arm is the same recipe with a few settings changed.
`alexnet_tf.reproduce` runs the arms, compares them and judges.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Mapping
from typing import Any

# "+1.4 points", "about 2 times", "over +1 point".
_VALUE = re.compile(r"(?:about |over )?([+-]?[0-9.]+) (?:points?|times)\b")


class Direction(enum.Enum):
    """What the paper says of an arm's value, compared with its control's."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclasses.dataclass(frozen=True)
class Arm:
    """A network and its training.

    Attributes:
      name: for tables, such as "2x2 pooling".
      settings: dotted name -> value, on top of the form's recipe.
      probes: further measurements on the trained network, by name (`reproduce.probes`).
      is_pretrained: whether the form's stages come before its training.
    """

    name: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    probes: tuple[str, ...] = ()
    is_pretrained: bool = False


@dataclasses.dataclass(frozen=True)
class Stage:
    """A training whose weights the next stage, or the arm, starts from.

    Attributes:
      data: the name of the data directory, as in `Form`.
      experiment: the recipe to start from.
      settings: dotted name -> value, on top of it.
      split: whose images are answered after it.
    """

    data: str
    experiment: str = "alexnet"
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    split: str = "validation"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One difference that a claim states.

    Attributes:
      arm, control: names of arms.
      direction: of the arm's value, compared with the control's.
      paper: the paper's value, in words: "+1.4 points top-1".
      measure: a name in `reproduce.measures`.
    """

    arm: str
    control: str
    direction: Direction
    paper: str
    measure: str = "top1"

    @property
    def value(self) -> float | None:
        """The number with which `paper` begins, in the measure's unit; None if none."""
        found = _VALUE.match(self.paper)
        return float(found[1]) if found else None


@dataclasses.dataclass(frozen=True)
class Form:
    """A way to run a claim: on which data, by which recipe, how often.

    Attributes:
      data: the name of the data directory under --data_root, see `data_sets`.
      experiment: the recipe to start from.
      settings: dotted name -> value, for all arms.
      num_folds: folds of the training split whose held-out images are answered; 0 to
        answer the images of `split` instead.
      split: answered where there are no folds.
      folds: those that are run; empty for all.
      seeds: of the runs, each for every fold.
      until_training_error: runs end once their training error, 0..1, is as small.
      stages: of the arms that are pre-trained, in order; once for all folds and seeds.
      pretrained_experiment: the recipe of these arms after the stages; "" for
        `experiment`.
      minutes: estimated time of one run, on the machine that `machine` names.
    """

    data: str
    experiment: str = "alexnet"
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    num_folds: int = 0
    split: str = "validation"
    folds: tuple[int, ...] = ()
    seeds: tuple[int, ...] = (0,)
    until_training_error: float = 0.0
    stages: tuple[Stage, ...] = ()
    pretrained_experiment: str = ""
    minutes: float = 0.0
    machine: str = ""

    @property
    def repeats(self) -> list[tuple[int, int]]:
        """(fold, seed) of every run of an arm, in their order."""
        folds = self.folds or tuple(range(self.num_folds or 1))
        return [(fold, seed) for fold in folds for seed in self.seeds]


@dataclasses.dataclass(frozen=True)
class Claim:
    """A sentence of the paper that measurements can support or contradict.

    Attributes:
      name: on the command line and in file names.
      section: of the paper.
      sentence: the paper's words.
      arms, comparisons: see there; the first arm is the control of most.
      reduced, full: how it runs on two cores and on all of ImageNet.
      remark: what a reader should know of the reduced form; "" for nothing.
    """

    name: str
    section: str
    sentence: str
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    reduced: Form
    full: Form
    remark: str = ""

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        for comparison in self.comparisons:
            for name in (comparison.arm, comparison.control):
                if name not in names:
                    raise ValueError(f"{self.name} has no arm {name!r}")

    def find_arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)
