"""Checks that settings and data can train a network, before hours of work.

`config.schema` limits each setting by itself; those limits also hold for the records of
earlier runs. The checks here apply only to a run that is about to train.
"""

from __future__ import annotations

from alexnet_tf import experiments
from alexnet_tf.config import by_layer
from alexnet_tf.config.schema import Config
from alexnet_tf.data import folds
from alexnet_tf.devices.workers import Workers
from alexnet_tf.network import networks
from tfrecords import errors
from tfrecords.plurals import counted
from tfrecords.shards import manifest


def check_settings(config: Config) -> None:
    """Raises `UserError`, naming it, if a setting's value makes learning impossible."""
    start = experiments.describe_start(config.experiment)
    if start and not config.init_from:
        raise errors.UserError(
            f"the experiment {config.experiment} starts from {start}: give "
            "--config.init_from=RUN, its directory. To train from scratch, choose "
            "another --experiment."
        )
    folds.check_folds(config.data)
    network = networks.select(config.model)
    by_layer.resolve(
        config.model.initial_stddevs, network.layers, 0, "model.initial_stddevs"
    )
    model, optimizer = config.model, config.optimizer
    positive = {
        "model.width": model.width,
        "model.initial_stddev": model.initial_stddev,
        "model.initial_stddev_conv345": model.initial_stddev_conv345,
        "optimizer.learning_rate": optimizer.learning_rate,
    }
    if model.normalization != "none" and model.normalization_beta:
        # With k = 0, a pixel where no map is active would give 0 / 0.
        positive["model.normalization_bias"] = model.normalization_bias
    if optimizer.name == "lookahead":
        positive["optimizer.lookahead_step_size"] = optimizer.lookahead_step_size
    for name, value in positive.items():
        if value <= 0:
            raise errors.UserError(
                f"config.{name} must be above 0 for training; it is {value:g}."
            )
    if optimizer.momentum >= 1:
        raise errors.UserError(
            f"config.optimizer.momentum is {optimizer.momentum:g}; it must be below 1, "
            "or the velocity grows without bound. The paper uses 0.9."
        )
    if optimizer.name == "lookahead" and optimizer.lookahead_step_size > 1:
        raise errors.UserError(
            "config.optimizer.lookahead_step_size is a fraction and must be at most 1; "
            f"it is {optimizer.lookahead_step_size:g}."
        )
    if config.schedule.warmup_epochs and not config.schedule.scaled_from_batch:
        raise errors.UserError(
            f"config.schedule.warmup_epochs is {config.schedule.warmup_epochs:g}, and "
            "there is nothing to warm up to: config.schedule.scaled_from_batch is 0. "
            "Set it to the batch size that the rates are meant for, in the paper 128."
        )
    if not config.num_epochs and not config.init_from:
        raise errors.UserError(
            "config.num_epochs is 0, so nothing would be trained. Give at least 1; 0 "
            "is allowed only with config.init_from, which copies another run's weights."
        )


def check_workers(config: Config, workers: Workers) -> None:
    """Raises `UserError` if several workers cannot train with the settings."""
    workers.find_share(config.batch_size)
    if workers.count > 1 and config.model.normalization == "batch":
        raise errors.UserError(
            "batch normalization needs all images of a batch in one process. Train "
            "without --workers, or with another --config.model.normalization."
        )


def check_data(config: Config, info: manifest.Manifest, data_dir: str) -> None:
    """Raises `UserError` if nothing can be learned from the data at this batch size.

    That is so without a training split, with only one class, or with fewer training
    images than a batch holds. `data_dir` is the manifest's directory.
    """
    num_train = folds.count_rest(info.get_split("train").num_records, config.data)
    if info.num_classes < 2:
        raise errors.UserError(
            f"{data_dir} has only one class, {info.classes[0].synset!r}; training "
            "needs at least two. Convert images of two or more classes, one folder "
            "per class."
        )
    if 0 < num_train < config.batch_size:
        raise errors.UserError(
            f"config.batch_size is {config.batch_size:,}, but the training split of "
            f"{data_dir} holds only {counted(num_train, 'image')}, so a batch would "
            "repeat "
            f"images. Give --config.batch_size={num_train} or less."
        )
