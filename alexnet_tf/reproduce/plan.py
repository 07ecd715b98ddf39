"""Which runs some claims need, each once, in the order of their value (ours).

Equal settings on equal data are one run, whichever claims ask for it. The runs of three
folds of every claim come first, then those of the other folds: an interim result of
everything is worth more than a final one of half.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.data import folds
from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Form

# Folds or seeds of every claim that are run before the others.
FIRST = 3
# Settings with a part of the run's name to themselves.
_NAMED_APART = ("seed", "data.num_folds", "data.fold", "experiment")
_MAX_SLUG = 48


@dataclasses.dataclass(frozen=True)
class Run:
    """A training run and its evaluation.

    Attributes:
      data: name of the data set.
      config: the settings.
      split: whose images are answered after training, besides validation and train.
      probes: further measurements, by name.
      until_training_error: the run ends once its training error, 0..1, is as small.
      minutes: the claim's estimate.
      origin: the run whose weights it starts from, if any.
    """

    data: str
    config: Config
    split: str
    probes: tuple[str, ...] = ()
    until_training_error: float = 0.0
    minutes: float = 0.0
    origin: Run | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Dotted name -> JSON value, of the settings that differ from the defaults.

        Settings that may change while a run is under way do not belong to it, and
        settings that come later are at their defaults: the name stays. `init_from`
        holds the name of the run that it starts from.
        """
        default = {s.name: s.format() for s in overrides.list_settings(Config())}
        start = {"init_from": self.origin.name} if self.origin else {}
        return start | {
            setting.name: setting.format()
            for setting in overrides.list_settings(self.config)
            if setting.format() != default[setting.name]
            and (not setting.may_change or setting.name == "num_epochs")
        }

    @property
    def repeat(self) -> tuple[int, int]:
        """Fold and seed."""
        return self.config.data.fold, self.config.seed

    @property
    def name(self) -> str:
        """Unique by data set and settings, and readable."""
        recipe = experiments.get_config(self.config.experiment)
        if self.data == recipes.REDUCED.data:
            recipe = overrides.override(recipe, recipes.REDUCED.settings)
        changed = [
            f"{name.rpartition('.')[2]}-{new}"
            for name, _, new in overrides.find_differences(recipe, self.config)
            if name not in _NAMED_APART
        ]
        slug = re.sub(r"[^a-z0-9.]+", "-", "_".join(changed).lower())[:_MAX_SLUG]
        rest = [self.data, self.split, self.until_training_error]
        key = json.dumps([self.settings, *rest], sort_keys=True)
        digest = hashlib.sha256(key.encode()).hexdigest()[:8]
        fold, seed = self.repeat
        where = f"fold{fold}-" if self.config.data.num_folds else ""
        experiment = self.config.experiment
        parts = [self.data, experiment, slug.strip("-_."), f"{where}seed{seed}", digest]
        return "-".join(part for part in parts if part)


def make_run(form: Form, arm: Arm, fold: int, seed: int) -> Run:
    """The run of an arm; raises `UserError` if the settings are invalid."""
    values: dict[str, Any] = {**form.settings, **arm.settings, "seed": seed}
    if form.num_folds:
        values |= {"data.num_folds": form.num_folds, "data.fold": fold}
    experiment, origin = form.experiment, None
    if arm.is_pretrained:
        experiment, origin = form.pretrained_experiment or experiment, _chain(form)
    config = overrides.override(experiments.get_config(experiment), values)
    split = folds.HELD_OUT if form.num_folds else form.split
    return Run(
        form.data,
        config,
        split,
        arm.probes,
        form.until_training_error,
        form.minutes,
        origin,
    )


def _chain(form: Form) -> Run | None:
    """The run of the form's last stage; the others are its origins."""
    run = None
    for stage in form.stages:
        config = experiments.get_config(stage.experiment)
        config = overrides.override(config, stage.settings)
        run = Run(stage.data, config, stage.split, minutes=form.minutes, origin=run)
    return run


def list_origins(run: Run) -> list[Run]:
    """The runs that must be finished before `run`, in order."""
    return [*list_origins(run.origin), run.origin] if run.origin else []


def list_repeats(form: Form, max_folds: int) -> list[tuple[int, int]]:
    """(fold, seed) of every run of an arm, of at most `max_folds` folds."""
    folds_run = list(dict.fromkeys(fold for fold, _ in form.repeats))[:max_folds]
    return [(fold, seed) for fold, seed in form.repeats if fold in folds_run]


def make_plan(
    claims: Sequence[Claim], is_full: bool = False, max_folds: int = 5
) -> list[Run]:
    """The runs of claims, each once, in the order in which they are to be run."""
    early: list[Run] = []
    late: list[Run] = []
    for claim in claims:
        form = claim.full if is_full else claim.reduced
        for number, (fold, seed) in enumerate(list_repeats(form, max_folds)):
            stage = early if number < FIRST else late
            for arm in claim.arms:
                run = make_run(form, arm, fold, seed)
                stage += [*list_origins(run), run]
    return _merge([*early, *late])


def _merge(runs: Iterable[Run]) -> list[Run]:
    """Each run once, at its first place, with the probes of all."""
    merged: dict[str, Run] = {}
    for run in runs:
        first = merged.setdefault(run.name, run)
        probes = tuple(dict.fromkeys((*first.probes, *run.probes)))
        merged[run.name] = dataclasses.replace(first, probes=probes)
    return list(merged.values())


def find_runs(
    claim: Claim, form: Form, records: Mapping[str, Any], max_folds: int = 5
) -> dict[str, dict[tuple[int, int], Any]]:
    """Of each arm, the records that there are: (fold, seed) -> record."""
    found: dict[str, dict[tuple[int, int], Any]] = {}
    for arm in claim.arms:
        found[arm.name] = {}
        for fold, seed in list_repeats(form, max_folds):
            name = make_run(form, arm, fold, seed).name
            if name in records:
                found[arm.name][fold, seed] = records[name]
    return found
