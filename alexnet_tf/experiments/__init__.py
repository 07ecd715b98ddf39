"""Starting points by name: which settings differ, and what the paper reports."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from alexnet_tf.config import Config
from alexnet_tf.experiments import alexnet, alexnet_source, caffe, finetune, sample
from tfrecords import errors

EXPERIMENTS: dict[str, Callable[[], Config]] = {
    "alexnet": alexnet.get_config,
    "alexnet_source": alexnet_source.get_config,
    "caffe": caffe.get_config,
    "finetune": finetune.get_config,
    "sample": sample.get_config,
}


def get_config(name: str) -> Config:
    """The config of the experiment called `name`.

    Raises:
      UserError: where there is none, naming the nearest.
    """
    if name not in EXPERIMENTS:
        near = difflib.get_close_matches(name, EXPERIMENTS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise errors.UserError(
            f"there is no experiment {name!r}; there are: "
            f"{', '.join(EXPERIMENTS)}.{hint}"
        )
    return EXPERIMENTS[name]()
