"""How claims are run: the reduced recipe that all of them share, and the full one.

One width, one recipe and one initialization rule serve all arms of all claims, so that
runs can be shared between claims; only the claims about width, length and data differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from alexnet_tf.experiments.claims.claim import Arm, Form

# Ten classes of ILSVRC-2012, 4,800 training images in five folds: half width, 36 epochs
# of 60 steps, the rate divided by ten after epochs 27 and 32.
REDUCED = Form(
    data="ilsvrc2012",
    settings={
        "model.width": 0.5,
        "batch_size": 64,
        "num_epochs": 36,
        "schedule.name": "fixed",
        "schedule.steps": "27:0.001 32:0.0001",
        "eval_every_epochs": 2,
    },
    num_folds=5,
    minutes=35.0,
    machine="two cores of Zen 3",
)

# The paper's own recipe: 90 epochs of 1.28 million images are 770 minutes at 2,500
# images/s, which is an estimate, not a measurement.
FULL = Form(data="ilsvrc2012", minutes=770.0, machine="one NVIDIA A100 (estimated)")

# The same with five networks to average.
FULL_SEEDS = dataclasses.replace(FULL, seeds=(0, 1, 2, 3, 4))

# Five seeds on the first fold, which also show how far equal runs differ.
SEEDS = dataclasses.replace(REDUCED, folds=(0,), seeds=(0, 1, 2, 3, 4))

# Most claims compare with the paper's network; equal settings are one run.
PAPER = Arm(
    "paper", probes=("dropout_average", "kernel_order", "kernels", "probabilities")
)


def adapt(form: Form, settings: Mapping[str, Any], **changes: Any) -> Form:
    """`form` with more settings for all arms, and other fields."""
    return dataclasses.replace(form, settings={**form.settings, **settings}, **changes)
