"""A flag for every setting: `--config.batch_size=64`, `--config.model.width=0.5`."""

from __future__ import annotations

from collections.abc import Mapping

from absl import flags

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.runs import inheritance
from tfrecords.console import command_line, help_text

PREFIX = "config."

HELP = help_text.Settings(
    titles={
        "": "Run",
        "data": "Data (sections 2 and 4.1 of the paper)",
        "model": "Network (section 3)",
        "optimizer": "Update rule (section 5)",
        "schedule": "Learning rate schedule (section 5)",
    },
    first=(
        "batch_size",
        "num_epochs",
        "optimizer.learning_rate",
        "precision",
        "devices",
    ),
)


# absl gives the flags defined here to the command that calls `define`.
flags.disclaim_key_flags()


def define() -> None:
    """Defines the flags.

    All are text with default None (the experiment's value), read by
    `overrides.override`, whose sentences say what a setting takes.
    """
    for setting in overrides.list_settings(Config()):
        if setting.name == "experiment":
            continue
        value = setting.format()
        value = ",".join(map(str, value)) if isinstance(value, list) else value
        default = f" [{value}]" if value != "" else ""
        flag: flags.Flag[str] = flags.Flag(
            _make_parser(setting),
            flags.ArgumentSerializer(),
            PREFIX + setting.name,
            None,
            f"{setting.doc}{default}",
        )
        flags.DEFINE_flag(flag)


def _make_parser(setting: overrides.Setting) -> command_line.TextParser:
    if setting.type is bool:
        return command_line.TextParser(("true", "false"))
    if setting.name in overrides.PATHS:
        return command_line.PathParser()
    kind = setting.type.__name__ if setting.type in (int, float) else "string"
    return command_line.TextParser(setting.choices, kind)


def read_given() -> dict[str, str]:
    """The settings that the command line gives, as text by dotted name."""
    given = {
        name.removeprefix(PREFIX): flags.FLAGS[name].value
        for name in flags.FLAGS
        if name.startswith(PREFIX)
    }
    return {name: text for name, text in given.items() if text is not None}


def read(
    experiment: str, workdir_path: str = "", given: Mapping[str, str] | None = None
) -> Config:
    """The config of a run: what is given, over what is inherited, over the experiment.

    The experiment is a name or a file of settings; the workdir, new or begun, is ""
    where there is none; without `given`, the command line gives the settings.

    Raises:
      UserError: for a name or value that there is not; where there is no run in
        `init_from` to inherit from.
      DataError: where that run's record is damaged.
    """
    given = read_given() if given is None else given
    config = overrides.override(experiments.get_config(experiment), given)
    chosen = {*given, *experiments.list_given(experiment)}
    return inheritance.inherit(config, chosen, workdir_path)
