"""Evaluates a split: top-1 and top-5 error, in total and per class.

It uses the centre view or ten views (paper, section 4.1). The error is wrong / seen;
the evaluation fails unless every image was seen exactly once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.data import directory, evaluation_views, iteration, pipeline
from alexnet_tf.devices import placement, precision
from alexnet_tf.devices.collectives import Collectives
from alexnet_tf.evaluation import contest, forward
from alexnet_tf.evaluation.metrics import ErrorCounts, PerClassErrors
from alexnet_tf.network.networks import NETWORKS
from alexnet_tf.runs import data_summary, run_record, trained_network
from alexnet_tf.runs.checkpoint_files import Checkpoint
from tfrecords import errors
from tfrecords.console import progress
from tfrecords.plurals import counted
from tfrecords.shards import manifest

_ALONE = Collectives()


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    `first_images`, float32 [b, crop, crop, 3], are the first batch's centre views (of
    ten views, the first), for diagnostics; none if a worker's part is empty. `answers`,
    if they were kept, are those of each record in the order of the split:
    `probabilities` float32 [N, classes], averaged over the views, and `labels` int32
    [N]. `guesses` are kept of the data of a contest. Counts are 0 in a split without
    labels.
    """

    counts: ErrorCounts
    per_class: PerClassErrors
    first_images: tf.Tensor
    answers: dict[str, np.ndarray] | None = None
    guesses: contest.Guesses | None = None


def evaluate(
    eval_step: Callable[[tf.Tensor, tf.Tensor], forward.EvalResult],
    data: directory.DataDirectory,
    config: Config,
    split: str,
    num_views: int = 1,
    shows_progress: bool = False,
    check_stop: Callable[[], None] = lambda: None,
    make_views: Callable[[tf.Tensor], tf.Tensor] | None = None,
    keeps_answers: bool = False,
    keeps_guesses: bool = False,
    collectives: Collectives = _ALONE,
) -> Evaluation:
    """Evaluates `split`, "validation", "test" or "train", with 1 or 10 views.

    `split` may be "held_out", too, with folds. `eval_step` is from
    `forward.make_eval_step`. `check_stop`, called before every batch, may raise to
    abort the evaluation. `make_views` is from
    `evaluation_views.compile_view_transform` for this data, to compile it once for
    several evaluations; None compiles it here. Each of several workers evaluates its
    part; the counts are those of all.

    Raises:
      UserError: if there is no such split.
      DataError: if a record is damaged, or an image was not seen exactly once.
    """
    num_records, is_labelled = data.count_images(split), data.is_labelled(split)
    counts, per_class = ErrorCounts(), PerClassErrors(data.manifest.num_classes)
    times_seen = np.zeros(num_records, np.int64)
    first_images, answers, guesses = None, None, None
    if keeps_answers:
        shape = (num_records, data.manifest.num_classes)
        answers = {
            "probabilities": np.zeros(shape, np.float32),
            "labels": np.zeros(num_records, np.int32),
        }
    if keeps_guesses:
        guesses = contest.make_guesses(num_records, data.manifest.num_classes)
    line = progress.Progress("evaluating", num_records, "images")
    dataset = pipeline.make_evaluation_dataset(
        data, config, split, num_views, collectives.workers
    )
    make_views = make_views or evaluation_views.compile_view_transform(
        config.data, data.statistics, num_views
    )
    for images, labels, record_ids in iteration.iterate(data, dataset):
        check_stop()
        views = make_views(images)
        result = eval_step(views, labels if is_labelled else tf.zeros_like(labels))
        is_error = result.is_error.numpy()
        np.add.at(times_seen, record_ids.numpy(), 1)
        if is_labelled:
            top1_errors, top5_errors = is_error.sum(axis=0)
            loss_sum = result.losses.numpy().sum()
            counts.add(len(is_error), top1_errors, top5_errors, loss_sum)
            per_class.add(labels.numpy(), is_error)
        if guesses:
            guesses.classes[record_ids] = contest.find_top(result.probabilities)
            guesses.labels[record_ids] = labels
        if answers:
            answers["probabilities"][record_ids] = result.probabilities
            answers["labels"][record_ids] = labels
        if first_images is None:
            first_images = views[:, 0]
        if shows_progress:
            line.advance(len(is_error))
    if shows_progress:
        line.close()
    counts = counts.share(collectives.add)
    per_class.num_seen = collectives.add(per_class.num_seen)
    per_class.errors = collectives.add(per_class.errors)
    times_seen = collectives.add(times_seen)
    if not np.all(times_seen == 1):
        raise errors.DataError(
            f"of {counted(num_records, 'image')} in the {split} split, "
            f"{np.sum(times_seen == 0)} were not seen and {np.sum(times_seen > 1)} "
            "were seen more than once, so the error rate would be wrong. Run "
            "alexnet-verify on the data."
        )
    if first_images is None:
        first_images = tf.zeros([0, config.data.crop_size, config.data.crop_size, 3])
    return Evaluation(counts, per_class, first_images, answers, guesses)


def open_run_data(
    workdir_path: str, data_dir: str | None = None
) -> tuple[directory.DataDirectory, Config]:
    """Opens a run's data, or other data of the same classes, with the run's mean.

    `data_dir` is None for the training data. The settings returned are the run's, with
    the data's label offset. Raises `UserError` if there is no such run, the data has
    other classes than the network, or the training data has changed.
    """
    record = run_record.read_record(workdir_path)
    config = run_record.read_config(workdir_path)
    if data_dir is None and record["data"]["fingerprint"] == run_record.UNKNOWN_DATA:
        raise errors.UserError(
            f"{workdir_path} holds imported weights and has no data of its own. Give "
            "data of the same classes with --data_dir."
        )
    info = manifest.read_manifest(data_dir or record["data"]["data_dir"])
    if data_dir is None:
        data_dir = record["data"]["data_dir"]
        if info.fingerprint != record["data"]["fingerprint"]:
            raise errors.UserError(
                f"the data in {data_dir} is no longer the training data. Give its new "
                "location with --data_dir, or other data of the same classes."
            )
    kept = data_summary.load(workdir_path)
    data_summary.check_classes(kept, info.classes, data_dir)
    # The first label may differ from that of the training data.
    config = overrides.override(config, {"data.label_offset": info.label_offset})
    data = directory.open_data(data_dir, config)
    return data.with_statistics(kept.statistics, workdir_path), config


def evaluate_checkpoint(
    workdir_path: str,
    which: str | int,
    split: str,
    num_views: int,
    data_dir: str | None = None,
    devices: str | None = None,
    keeps_answers: bool = False,
    is_submission: bool = False,
) -> tuple[Checkpoint, Evaluation, directory.DataDirectory]:
    """Evaluates a run's checkpoint, as `alexnet-evaluate` does.

    The checkpoint is "last", "best" or a step. Always subtracts the mean of the
    training data, also from other data in `data_dir` (section 2). `devices` replaces
    those of the run unless it is None; for `keeps_answers`, see `Evaluation.answers`.
    For a submission the split has no labels (see `contest`), and otherwise it has.

    Raises:
      UserError: if there is no such run, checkpoint or split, the data has other
        classes than the network, the training data has changed, or the split has
        labels where it should not, or none.
      DataError: if the checkpoint or a record is damaged.
    """
    opened = open_checkpoint(workdir_path, which, data_dir, devices)
    contest.check_split(opened.data, split, is_submission)
    result = opened.evaluate(split, num_views, keeps_answers)
    return opened.checkpoint, result, opened.data


class OpenedCheckpoint:
    """A network and its data, for evaluations that share their compiled steps.

    Attributes:
      checkpoint: the weights' checkpoint.
      data: the data, with the training data's mean.
    """

    def __init__(
        self,
        network: trained_network.TrainedNetwork,
        data: directory.DataDirectory,
        config: Config,
        device: str | None,
    ):
        self.checkpoint, self.data = network.checkpoint, data
        self._config, self._device = config, device
        self._eval_step = forward.make_eval_step(network.model, device)
        self._make_views: dict[int, Callable[[tf.Tensor], tf.Tensor]] = {}

    def evaluate(
        self, split: str, num_views: int, keeps_answers: bool = False
    ) -> Evaluation:
        """As the function `evaluate`, with progress."""
        if num_views not in self._make_views:
            self._make_views[num_views] = evaluation_views.compile_view_transform(
                self._config.data, self.data.statistics, num_views, self._device
            )
        with placement.memory_errors("--config.eval_batch_size in training"):
            return evaluate(
                self._eval_step,
                self.data,
                self._config,
                split,
                num_views,
                shows_progress=True,
                make_views=self._make_views[num_views],
                keeps_answers=keeps_answers,
                keeps_guesses=self.data.contest is not None,
            )


def open_checkpoint(
    workdir_path: str,
    which: str | int,
    data_dir: str | None = None,
    devices: str | None = None,
) -> OpenedCheckpoint:
    """Loads a checkpoint; the arguments and errors are `evaluate_checkpoint`'s."""
    data, config = open_run_data(workdir_path, data_dir)
    precision.set_reproducible(config.reproducible)
    where = placement.make_placement(
        devices or config.devices, NETWORKS[config.model.network].num_towers
    )
    network = trained_network.load(workdir_path, which, where, fastest=True)
    return OpenedCheckpoint(network, data, config, where.get_shared_device())
