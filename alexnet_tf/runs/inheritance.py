"""Settings that belong to weights: inherited, or reported if they differ.

Weights are valid only with the settings that they were trained with: constants and
order of the response normalization, the scaling of dropout, the mean. A run that starts
from another run's weights reports settings that differ. The experiment `finetune`
inherits them instead.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.runs import run_record

# Network settings that do not affect the meaning of trained weights: the
# initialization, and the width, which shapes show. (Dropout's rate does: with
# `dropout_scaling` "test" it is a factor on the outputs.)
_WITHOUT_MEANING = {
    "model.initial_stddev",
    "model.initial_stddev_conv345",
    "model.initial_scaling",
    "model.width",
}
_NORMALIZATION = "model.normalization"


def inherit(config: Config, chosen: Collection[str], workdir_path: str = "") -> Config:
    """Adds the settings that a run inherits from the run in `init_from`.

    A resumed run, one with a record in `workdir_path` (if that is not ""), keeps its
    own: the other run may be gone or have changed. Settings that the user gave take
    precedence. The config is unchanged if its experiment inherits nothing or
    `init_from` is empty.

    Raises:
      UserError: if there is no run in `init_from`.
      DataError: if the other run's record is damaged.
    """
    names = set(experiments.list_inherited(config.experiment)) - set(chosen)
    if not names or not config.init_from:
        return config
    if "data.crop_size" in chosen:
        # The number of positions belongs to a crop size.
        names.discard("data.crop_positions")
    source = config.init_from
    if os.path.exists(os.path.join(workdir_path, run_record.RECORD_NAME)):
        source = workdir_path
    old = run_record.read_record(source)["config"]
    values = {name: old[name] for name in sorted(names & old.keys())}
    if source != workdir_path and values.get(_NORMALIZATION) not in ("none", "batch"):
        # The method, which does not change the formula, is chosen for this machine.
        values.pop(_NORMALIZATION, None)
    return overrides.override(config, values)


def describe_origin(old: Mapping[str, Any], config: Config) -> str:
    """Describes the settings that a run shares with its `init_from` run, or lacks.

    `old` are the other run's settings, as from `overrides.to_dict`. The text names the
    non-paper settings that both share, and the flags that would keep the weights'
    meaning; it is "" if there are neither.
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
    text = f"Shared settings: {', '.join(shared)}. " if shared else ""
    if different:
        flags = " ".join(f"--config.{name}={old[name]}" for name in different)
        text += (
            "The weights were trained with other settings; to match them, give "
            f"{flags}."
        )
    return text.strip()


def _differs(name: str, old: Any, new: Any) -> bool:
    # All normalization methods compute one formula; only its presence matters.
    if name == _NORMALIZATION:
        return old != new and ("none" in (old, new) or "batch" in (old, new))
    return bool(old != new)
