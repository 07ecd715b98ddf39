"""What every subject needs: its settings, and its contestants taking turns."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tfrecords import errors
from tfrecords.console import progress
from tools.benchmarks.timing import (
    Contestant,
    ContestantError,
    Timing,
    collect_answers,
    summarize,
)

# A contestant to be made: "module:function" under `tools.benchmarks`, and arguments.
Factory = tuple[str, Mapping[str, object]]

# What a module's contestants, or one of them, import and a machine may lack.
_NEEDED = {
    "convert_contestants:opencv_alone": "cv2",
    "convert_contestants:opencv_pool": "cv2",
    "convert_contestants:ours_as_authors": "simplejpeg",
    "dali_input": "nvidia.dali",
    "input_contestants:decode_libjpeg": "simplejpeg",
    "torch_inference": "torch",
    "torch_input": "torch",
    "torch_peer": "torch",
}

# How our networks compute the response normalization, where that is no question.
NORMALIZATION = "auto"


@dataclasses.dataclass(frozen=True)
class Options:
    """What is fixed in a measurement.

    Attributes:
      precision: "float32" or "mixed_bfloat16".
      batch_size: images per step.
      rounds: turns that count.
      with_peers: whether other programs are measured beside ours.
      width: of the network, 1 for the paper's.
      crop_size: side of the network's input, pixels.
      data_dir: JPEG shards to work on; None: images are drawn.
      source_dir: a folder of images to convert; None: images are drawn.
      export_dir: a SavedModel to ask; None: of a network that was not trained.
      num_images: to work on; None: as the subject does by default.
      max_images: where a subject grows, it ends here.
      num_steps: of a run; None: as the subject does by default.
      plot: an image file for the subject that draws one.
    """

    precision: str
    batch_size: int
    rounds: int
    with_peers: bool
    width: float = 1.0
    crop_size: int = 224
    data_dir: str | None = None
    source_dir: str | None = None
    export_dir: str | None = None
    num_images: int | None = None
    max_images: int = 100_000
    num_steps: int | None = None
    plot: str | None = None

    @property
    def network_settings(self) -> dict[str, object]:
        """What the network under measurement has, by dotted names."""
        return {
            "precision": self.precision,
            "batch_size": self.batch_size,
            "data.crop_size": self.crop_size,
            "model.width": self.width,
            "model.normalization": NORMALIZATION,
        }


def measure(
    factories: Mapping[str, Factory], options: Options
) -> tuple[dict[str, Timing], list[str]]:
    """Times contestants in turns.

    Args:
      factories: of the contestants, by name.
      options: says how many rounds.

    Returns:
      The timings by name, and sentences on those that could not be made.
    """
    answers, notes = collect(factories, options)
    return {name: summarize(seconds) for name, seconds in answers.items()}, notes


def collect(
    factories: Mapping[str, Factory], options: Options, warm_up: int = 1
) -> tuple[dict[str, list[Any]], list[str]]:
    """As `measure`, with every round's answer in place of a timing.

    Args:
      factories: of the contestants, by name.
      options: says how many rounds.
      warm_up: rounds before, which do not count.

    Returns:
      The answers by name, and sentences on contestants that could not be made. An
      answer is what the contestant's call returned, or its seconds where that is None.
    """
    notes: list[str] = []
    with make_contestants(factories, notes) as contestants:
        return collect_answers(contestants, options.rounds, notes, warm_up), notes


def require(answers: Mapping[str, Any], names: Iterable[str], notes: list[str]) -> None:
    """Passes where all that a subject cannot do without was measured.

    Raises:
      UserError: with the notes on what was not.
    """
    if any(name not in answers for name in names):
        raise errors.UserError(" ".join(notes) or "nothing could be measured.")


@contextlib.contextmanager
def make_contestants(
    factories: Mapping[str, Factory], notes: list[str]
) -> Iterator[dict[str, Contestant]]:
    """Contestants for the length of a `with` block.

    Args:
      factories: of the contestants, by name.
      notes: gets a sentence on each that could not be made.
    """
    contestants: dict[str, Contestant] = {}
    line = progress.Progress("preparing", len(factories), "contestants")
    try:
        for name, (factory, arguments) in factories.items():
            module = factory.partition(":")[0]
            needed = _NEEDED.get(factory, _NEEDED.get(module, "tensorflow"))
            if not is_installed(needed):
                notes.append(f"{name} is left out: {needed} is not installed.")
            else:
                try:
                    contestants[name] = Contestant(factory, arguments)
                except ContestantError as error:
                    notes.append(f"{name} could not be measured: {error}")
            line.advance()
        line.close()
        yield contestants
    finally:
        for contestant in contestants.values():
            contestant.close()


def is_installed(name: str) -> bool:
    """Whether there is a module `name`, which may lie in a package that is missing."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
