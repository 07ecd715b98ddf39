"""Settings and amounts of data with which no training makes sense.

They are refused before hours of work go into them. `config` says what each setting
takes by itself, which also a run that was trained long ago must keep to; here is what
is asked of a run that is to be trained now.
"""

from __future__ import annotations

from alexnet_tf.config.schema import Config
from tfrecords import errors
from tfrecords.shards import manifest


def check_settings(config: Config) -> None:
    """Refuses numbers with which the network cannot learn.

    Args:
      config: of the run that is to be trained.

    Raises:
      UserError: naming the setting, its value and what it takes.
    """
    model, optimizer = config.model, config.optimizer
    positive = {
        "model.width": model.width,
        "model.initial_stddev": model.initial_stddev,
        "model.initial_stddev_conv345": model.initial_stddev_conv345,
        "optimizer.learning_rate": optimizer.learning_rate,
    }
    if model.normalization != "none" and model.normalization_beta:
        # Where no map is active, 0 would be divided by k to the power of beta.
        positive["model.normalization_bias"] = model.normalization_bias
    if optimizer.name == "lookahead":
        positive["optimizer.lookahead_step_size"] = optimizer.lookahead_step_size
    for name, value in positive.items():
        if value <= 0:
            raise errors.UserError(
                f"config.{name} must be above 0 in a training; it is {value:g}."
            )
    if optimizer.momentum >= 1:
        raise errors.UserError(
            "config.optimizer.momentum must be below 1, or the velocity grows without "
            f"end; it is {optimizer.momentum:g}. The paper's is 0.9."
        )
    if optimizer.name == "lookahead" and optimizer.lookahead_step_size > 1:
        raise errors.UserError(
            "config.optimizer.lookahead_step_size is a share, at most 1; it is "
            f"{optimizer.lookahead_step_size:g}."
        )
    if not config.num_epochs and not config.init_from:
        raise errors.UserError(
            "config.num_epochs is 0, so that nothing would be trained. Give at least "
            "1; 0 is for config.init_from, which takes over another run's weights."
        )


def check_data(config: Config, info: manifest.Manifest, data_dir: str) -> None:
    """Refuses data from which nothing can be learned in batches of this size.

    Args:
      config: of the run that is to be trained.
      info: what the data directory holds.
      data_dir: where it lies, for the sentence.

    Raises:
      UserError: where there is no training split or a single class, or where a batch
        is larger than the training split.
    """
    num_train = info.get_split("train").num_records
    if info.num_classes < 2:
        raise errors.UserError(
            f"{data_dir} has a single class, {info.classes[0].synset!r}: there is "
            "nothing to tell apart. Convert images of at least two classes, each in a "
            "folder of its own."
        )
    if 0 < num_train < config.batch_size:
        raise errors.UserError(
            f"config.batch_size is {config.batch_size:,}, but the training split of "
            f"{data_dir} holds {num_train:,} images: a batch would hold images more "
            f"than once. Give --config.batch_size={num_train} or less."
        )
