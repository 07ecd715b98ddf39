"""The paper's dropout against scaled dropout on 20 classes (section 4.2)."""

from __future__ import annotations

import dataclasses

from alexnet_tf.experiments.claims import dropout_scaling

CLAIM = dataclasses.replace(
    dropout_scaling.CLAIM,
    name="dropout_scaling_20",
    reduced=dropout_scaling.make_form("drawn", 6.0),
    remark="20 classes, otherwise as dropout_scaling.",
)
