"""The paper's dropout against scaled dropout on 200 classes (section 4.2)."""

from __future__ import annotations

import dataclasses

from alexnet_tf.experiments.claims import dropout_scaling

CLAIM = dataclasses.replace(
    dropout_scaling.CLAIM,
    name="dropout_scaling_200",
    reduced=dropout_scaling.make_form(
        "tiny_imagenet", 150.0, **{"data.crop_size": 112, "data.crop_positions": 16}
    ),
    remark="200 classes and crops of 112 pixels, otherwise as dropout_scaling.",
)
