"""Stops a run whose numbers are not finite, and names the checkpoint to resume from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from alexnet_tf.network.parameters import Parameter
from alexnet_tf.optimization.loss_scale import LossScale
from alexnet_tf.runs import checkpoint_files
from alexnet_tf.training.steps import TrainResult
from tfrecords import errors


def check_step(
    result: TrainResult,
    loss_scale: LossScale,
    parameters: Sequence[Parameter],
    step: int,
    record_ids: np.ndarray,
    saved_step: int | None,
    append_metrics: Callable[[Mapping[str, Any]], None],
) -> None:
    """Raises NotFiniteError unless the step's loss and gradients are finite.

    In float16 a large loss scale can overflow the gradients. Such a step has skipped
    its update and halved the scale; it does not raise. The loss itself is not scaled.

    The loss scale is that after the step; steps count from 1; `record_ids` are of the
    step's batch. The error names step, layer, records and checkpoint; before it,
    `append_metrics` receives a line that names all records.
    """
    loss = float(result.loss)
    may_try_again = math.isfinite(loss) and not loss_scale.is_exhausted
    if bool(result.is_finite) or may_try_again:
        return
    shown = ", ".join(str(i) for i in record_ids[:8])
    if len(record_ids) > 8:
        shown += f", ... ({len(record_ids)} in all)"
    layer, where = _find_layer(result, parameters)
    text = (
        f"the loss or a gradient of step {step:,} is not finite (loss {loss}). {where} "
        f"The update was not applied. The batch holds the records {shown}. "
        + _describe_remedy(saved_step)
    )
    append_metrics(
        {
            "step": step - 1,
            "kind": "not_finite",
            "text": text,
            "layer": layer,
            "records": [int(record_id) for record_id in record_ids],
        }
    )
    raise errors.NotFiniteError(text)


def _find_layer(
    result: TrainResult, parameters: Sequence[Parameter]
) -> tuple[str, str]:
    """The first layer with a non-finite number, in the network's order, and a text.

    Weights are checked before gradients, as a non-finite weight spoils all gradients. A
    non-finite loss does so too; the layer with the largest weight is named then, as the
    most likely place of the overflow.
    """
    largest = []
    for parameter in parameters:
        weights = parameter.variable.numpy()
        if not np.isfinite(weights).all():
            name = parameter.name
            return parameter.layer, f"The first weights that are not finite are {name}."
        largest.append(float(np.abs(weights).max(initial=0.0)))
    bad = [
        parameter
        for parameter, norm in zip(
            parameters, result.gradient_norms.numpy(), strict=True
        )
        if not math.isfinite(norm)
    ]
    if math.isfinite(float(result.loss)) and bad:
        layers = ", ".join(dict.fromkeys(parameter.layer for parameter in bad))
        return bad[0].layer, (
            f"The gradients of {layers} are not finite, the first being that of "
            f"{bad[0].name}."
        )
    top = parameters[int(np.argmax(largest))]
    return top.layer, (
        f"All weights are finite; the largest, {max(largest):.3g}, is in {top.name}."
    )


def check_arrays(
    arrays: Mapping[str, np.ndarray], step: int, saved_step: int | None
) -> None:
    """Raises NotFiniteError, naming the first, unless a checkpoint's arrays are finite.

    A finite gradient can still push a weight beyond the range of float32. `step` is the
    number of steps done, `saved_step` that of the newest checkpoint, or None.
    """
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise errors.NotFiniteError(
                f"{name} is not finite after step {step:,}; the state was not saved. "
                + _describe_remedy(saved_step)
            )


def _describe_remedy(saved_step: int | None) -> str:
    last = "none yet" if saved_step is None else checkpoint_files.make_name(saved_step)
    return (
        f"The last good checkpoint: {last}. Usually a lower learning rate helps: "
        "--set_learning_rate to resume from the checkpoint, or "
        "--config.optimizer.learning_rate in a new run."
    )
