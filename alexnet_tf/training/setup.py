"""The start of a run, shared by training and its dry run.

`open_run` opens settings, devices and data and checks that they fit each other. The
caller then opens the run's directory. `build_and_restore` builds the network, whose
weights are new, from a checkpoint or from another run. Only the chief of several
workers reads checkpoints and other runs; it shares what it finds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

import alexnet_tf
from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.data import directory
from alexnet_tf.devices import collectives as collectives_lib
from alexnet_tf.devices import meeting, placement, precision
from alexnet_tf.devices.workers import ALONE, Workers
from alexnet_tf.network.networks import NETWORKS
from alexnet_tf.network.parameters import list_weights
from alexnet_tf.optimization import schedule
from alexnet_tf.runs import checkpoint, environment, run_record, summaries
from alexnet_tf.runs.checkpoint_files import Checkpoint
from alexnet_tf.training import checks, profiling, run_state, transfer
from alexnet_tf.training.epochs import EpochCounter
from tfrecords.plurals import counted
from tfrecords.shards import manifest
from tfrecords.shards.statistics import Statistics

# Settings that may differ between workers.
_OWN_SETTINGS = ("devices", "data.num_parallel_maps", "profile_steps")


@dataclasses.dataclass(frozen=True)
class Opening:
    """Settings, devices and data that fit together.

    The config's precision is resolved, not "auto"; `chosen` has the reason if "auto"
    chose it. `last_step` completes `config.num_epochs`, `profile` holds the steps to
    profile, and `info` is this start's entry in the run's record. `collectives`
    connect the workers.
    """

    config: Config
    where: placement.Placement
    data: directory.DataDirectory
    epochs: EpochCounter
    last_step: int
    profile: profiling.ProfileWindow
    info: run_record.RunInfo
    chosen: precision.Choice
    collectives: collectives_lib.Collectives


def open_run(
    config: Config,
    data_dir: str,
    workdir_path: str,
    command: Sequence[str],
    workers: Workers = ALONE,
    set_learning_rate: str = "",
) -> Opening:
    """Opens a run's devices and data and checks that they fit its settings.

    `command` is the command line, for the record. Returns once all workers are there.

    Raises:
      UserError: if settings, devices and data do not fit each other, or those of the
        workers differ.
      DataError: if the data is damaged.
    """
    checks.check_settings(config)
    checks.check_workers(config, workers)
    facts = _describe(config, data_dir, set_learning_rate)
    peers = meeting.meet(workers, facts)
    # In this order: TensorFlow's devices are fixed once the workers are connected.
    placement.make_logical_devices(config.devices)
    collectives = collectives_lib.connect(workers, peers)
    where = placement.make_placement(
        config.devices, NETWORKS[config.model.network].num_towers
    )
    precision.set_reproducible(config.reproducible)
    chosen, earlier = precision.Choice(config.precision), {}
    if workers.is_chief:
        earlier = run_record.read_earlier(workdir_path)
        chosen = precision.choose_precision(
            config.precision, run_record.read_precision(workdir_path)
        )
    chosen = precision.Choice(**collectives.share_json(dataclasses.asdict(chosen)))
    config = dataclasses.replace(config, precision=chosen.precision)
    config = overrides.override(config, collectives.share_json(earlier))
    data = directory.open_data(data_dir, config)
    checks.check_data(config, data.manifest, data_dir)
    directory.check_splits(config, data)
    epochs = EpochCounter(data.count_images("train"), config.batch_size)
    surroundings = environment.describe_with_tensorflow()
    if workers.count > 1:
        surroundings["workers"] = workers.count
    info = run_record.RunInfo(
        data_dir,
        data.manifest.fingerprint,
        command,
        surroundings,
        chosen.to_json(),
    )
    return Opening(
        config,
        where,
        data,
        epochs,
        epochs.count_steps(config.num_epochs),
        profiling.ProfileWindow(
            config.profile_steps, summaries.get_logdir(workdir_path)
        ),
        info,
        chosen,
        collectives,
    )


def _describe(config: Config, data_dir: str, set_learning_rate: str) -> dict[str, Any]:
    """What has to be equal for all workers, by name."""
    settings = {
        f"--config.{name}": value
        for name, value in overrides.to_dict(config).items()
        if name not in _OWN_SETTINGS
    }
    return {
        "alexnet_tf": alexnet_tf.__version__,
        "TensorFlow": tf.__version__,
        "the data's fingerprint": manifest.read_manifest(data_dir).fingerprint,
        "--set_learning_rate": set_learning_rate,
        **settings,
    }


@dataclasses.dataclass(frozen=True)
class Start:
    """A run before its next step: new, or restored from the checkpoint `restored`.

    The data has the statistics to train with. `text` says which weights come from
    another run, or "". `rates` are to be set by hand, as (layer, rate); the layer None
    means all layers.
    """

    state: run_state.RunState
    data: directory.DataDirectory
    restored: Checkpoint | None
    text: str
    rates: list[tuple[str | None, float]]

    @property
    def metrics_lines(self) -> int | None:
        """Lines of `metrics.jsonl` up to the checkpoint; None if not recorded."""
        return self.restored.state.get("metrics_lines") if self.restored else None


def build_and_restore(
    opened: Opening,
    workdir_path: str,
    saved_step: int | None,
    set_learning_rate: str = "",
    read_only: bool = False,
) -> Start:
    """Builds the network and assigns its weights.

    `saved_step` is that of the checkpoint named in the run's record, or None. Rates to
    set by hand are "" for none. With `read_only`, damaged checkpoints stay where they
    are.

    Raises:
      UserError: if settings, network, checkpoint and the other run do not fit.
      DataError: if a checkpoint is damaged.
      DeviceMemoryError: if the device memory is too small.
    """
    config, data, collectives = opened.config, opened.data, opened.collectives
    state = run_state.build_run_state(
        config, data.manifest.num_classes, opened.where, collectives.workers
    )
    restored, text = None, ""
    if collectives.workers.is_chief:
        with placement.memory_errors("network"):
            restored = checkpoint.load_latest(
                run_record.get_checkpoints_dir(workdir_path),
                saved_step,
                read_only=read_only,
            )
            if restored:
                state.restore(restored)
        data, text, new_layers = transfer.begin(
            config, workdir_path, list_weights(state.model), data, bool(restored)
        )
        if new_layers is not None:
            state.untrained_layers = new_layers
            state.optimizer.begin()
    if collectives.workers.count > 1:
        state.share(collectives)
        data = data.with_statistics(
            _share(collectives, data.statistics), config.init_from
        )
    rates = []
    if set_learning_rate:
        layer_names = state.schedule.layer_names
        rates = schedule.parse_rate_assignments(set_learning_rate, layer_names)
    return Start(state, data, restored, text, rates)


def _share(
    collectives: collectives_lib.Collectives, statistics: Statistics
) -> Statistics:
    """The chief's statistics, which may be those of another run."""
    values = dataclasses.asdict(statistics)
    return Statistics(
        collectives.share_json(values.pop("num_images")),
        **{name: collectives.share(array) for name, array in values.items()},
    )


def describe(opened: Opening, start: Start) -> list[str]:
    """Lines for the user: first step, data, precision, devices and warnings."""
    config, manifest = opened.config, start.data.manifest
    lines = [*start.restored.warnings] if start.restored else []
    lines.append(
        f"{'resuming' if start.restored else 'starting'} at step {start.state.step:,} "
        f"of {opened.last_step:,}: {counted(opened.epochs.num_train, 'image')} of "
        f"{counted(manifest.num_classes, 'class')}, batches of {config.batch_size}, "
        f"{config.precision}, {opened.where.describe()}"
    )
    workers = opened.collectives.workers
    if workers.count > 1:
        share = config.batch_size // workers.count
        lines.append(
            f"{workers.count} workers with {share} images each: "
            f"{', '.join(workers.addresses)}"
        )
    if warning := directory.explain_unseen(start.data, config.data):
        lines.append(warning)
    if reason := opened.chosen.describe():
        lines.append(reason)
    if not config.reproducible:
        lines.append(
            "--config.reproducible=false: another run of these settings may give other "
            "bits"
        )
    if absence := opened.profile.explain_absence(start.state.step, opened.last_step):
        lines.append(absence)
    return lines
