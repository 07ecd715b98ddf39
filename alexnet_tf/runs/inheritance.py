"""Settings that belong to weights: named where they differ, and inherited.

Weights mean what they were trained to mean only under the settings of their own
network: constants and order of the response normalization, where dropout is scaled, the
mean. A run that begins with another's weights names the settings that differ. An
experiment for such runs (`finetune`) takes them from the other run instead.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.runs import run_record

# Settings of the network that leave the meaning of its weights alone: how they began,
# and the width, which shapes show. (Dropout's rate is a factor of the outputs where
# `dropout_scaling` is "test".)
_WITHOUT_MEANING = {
    "model.initial_stddev",
    "model.initial_stddev_conv345",
    "model.width",
}
_NORMALIZATION = "model.normalization"


def inherit(config: Config, told: Collection[str], workdir_path: str = "") -> Config:
    """A run's settings with those that it takes from the run it begins with.

    A run that has begun keeps its own: the other run may be gone, or have changed.

    Args:
      config: what experiment and command line say.
      told: names of settings that the user gave; they stay.
      workdir_path: the run's directory, begun or not; "" where there is none.

    Returns:
      The config; the same where its experiment takes nothing from other runs, or where
      `init_from` names none.

    Raises:
      UserError: where there is no run in `init_from`.
      DataError: where the other run's record is damaged.
    """
    names = set(experiments.list_inherited(config.experiment)) - set(told)
    if not names or not config.init_from:
        return config
    if "data.crop_size" in told:
        # Positions are of a size.
        names.discard("data.crop_positions")
    source = config.init_from
    if os.path.exists(os.path.join(workdir_path, run_record.RECORD_NAME)):
        source = workdir_path
    old = run_record.read_record(source)["config"]
    values = {name: old[name] for name in sorted(names & old.keys())}
    if source != workdir_path and values.get(_NORMALIZATION) != "none":
        # How the same formula is computed is for this machine to choose.
        values.pop(_NORMALIZATION, None)
    return overrides.override(config, values)


def describe_origin(old: Mapping[str, Any], config: Config) -> str:
    """Sentences on what a run shares with the one it begins with, and what it lacks.

    Args:
      old: the other run's settings, as `overrides.to_dict` gives them.
      config: the new run's.

    Returns:
      The settings other than the paper's that both have, and the flags that would keep
      the weights' meaning; "" where there are neither.
    """
    new, paper = overrides.to_dict(config), overrides.to_dict(Config())
    names = [
        name
        for name in sorted(old.keys() & new.keys() - _WITHOUT_MEANING)
        if name.startswith("model.") or name == "data.mean"
    ]
    different = [name for name in names if _differs(name, old[name], new[name])]
    shared = [
        f"{name}={old[name]}"
        for name in names
        if old[name] == new[name] and _differs(name, old[name], paper[name])
    ]
    text = f"Settings as there: {', '.join(shared)}. " if shared else ""
    if different:
        flags = " ".join(f"--config.{name}={old[name]}" for name in different)
        text += (
            "The weights were learned with other settings than this run's: to keep "
            f"what they mean, give {flags}."
        )
    return text.strip()


def _differs(name: str, old: Any, new: Any) -> bool:
    # Of the normalization, only whether there is one: its methods are one formula.
    if name == _NORMALIZATION:
        return bool((old == "none") != (new == "none"))
    return bool(old != new)
