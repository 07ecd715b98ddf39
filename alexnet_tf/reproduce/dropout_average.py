"""Half of every output against the mean of many thinned networks (section 4.2).

"At test time, we use all the neurons but multiply their outputs by 0.5, which is a
reasonable approximation to taking the geometric mean of the predictive distributions
produced by the exponentially-many dropout networks." With p_m the prediction under the
m-th drawn mask,

  geometric mean    g = exp(mean over m of log p_m) / its sum
  arithmetic mean   a = mean over m of p_m

and KL(g || p) says how far the network's own prediction p is from g, in nats.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.evaluation import metrics
from alexnet_tf.stack import keras

NUM_MASKS = 64


def compare(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, batch_size: int = 96
) -> dict[str, Any]:
    """Compares the model's own prediction with means over `NUM_MASKS` masks.

    Args:
      model: with dropout after fc6 and fc7, from images to logits.
      images: float32 [N, crop, crop, 3], mean subtracted.
      labels: integer [N].
      batch_size: images at a time.

    Returns:
      JSON values: "kl", the mean KL divergence; "kl_single", that of a single thinned
      network; top-1 errors, 0..1: "error" of the network, "geometric", "arithmetic",
      and "single", the mean over thinned networks.
    """
    front, head = _split(model)

    @tf.function(reduce_retracing=True, autograph=False)
    def predict(maps: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        own = tf.nn.log_softmax(tf.cast(head(maps, training=False), tf.float32))
        drawn = [
            tf.nn.log_softmax(tf.cast(head(maps, training=True), tf.float32))
            for _ in range(NUM_MASKS)
        ]
        return own, tf.stack(drawn)

    found = []
    for begin in range(0, len(images), batch_size):
        maps = front(images[begin : begin + batch_size], training=False)
        found.append([part.numpy() for part in predict(maps)])
    own = np.concatenate([part[0] for part in found]).astype(np.float64)
    drawn = np.concatenate([part[1] for part in found], axis=1).astype(np.float64)
    return summarize(own, drawn, labels)


def summarize(own: np.ndarray, drawn: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """`compare` for log probabilities: own [N, classes], drawn [M, N, classes]."""
    geometric = _normalize(drawn.mean(0))
    arithmetic = np.log(np.exp(drawn).mean(0))
    singles = [_find_error(logs, labels) for logs in drawn]
    return {
        "num_masks": len(drawn),
        "kl": _divergence(geometric, own),
        "kl_single": float(np.mean([_divergence(geometric, logs) for logs in drawn])),
        "error": _find_error(own, labels),
        "geometric": _find_error(geometric, labels),
        "arithmetic": _find_error(arithmetic, labels),
        "single": float(np.mean(singles)),
    }


def _normalize(logs: np.ndarray) -> np.ndarray:
    shifted = logs - logs.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Mean over images of KL(p || q), both log probabilities [N, classes]."""
    return float((np.exp(p) * (p - q)).sum(-1).mean())


def _find_error(logs: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(np.asarray(metrics.find_errors(logs, labels))[:, 0]))


def _split(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """The layers up to pool5 and those after it, so that convolutions run once."""
    pooled = [x.output for x in model.layers if x.name in ("pool5", "pool5a", "pool5b")]
    return keras.Model(model.inputs, pooled), keras.Model(pooled, model.outputs[0])
