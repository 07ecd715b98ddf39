"""Rules for the flags of all commands and tools."""

from __future__ import annotations

import functools
import json
import pathlib
import sys

import pytest

from tests import processes
from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[1]

# Prints for every module its flags, "path" or "text" by name, numbers and enums left
# out, and whether what it prints is its work, by the flag that is given.
READ = """
import importlib, json, sys
from absl import flags
from tfrecords.console import command_line
FLAGS = flags.FLAGS
path_parsers = command_line.PathParser, command_line.PathListParser
read = {}
for name in sys.argv[1:]:
    before = set(FLAGS)
    module = importlib.import_module(name)
    new = [key for key in FLAGS if key not in before]
    # TensorFlow brings flags of its own.
    tops = "alexnet_tf", "tfrecords", "tools"
    own = [
        FLAGS[key] for key in new
        if FLAGS.find_module_defining_flag(key).split(".")[0] in tops
    ]
    kinds = {}
    for flag in own:
        if isinstance(flag.parser, path_parsers):
            kinds[flag.name] = "path"
        elif flag.flag_type().rpartition(" ")[2] in ("string", "strings"):
            kinds[flag.name] = "text"
    prints = {}
    if hasattr(module, "run") and ".commands." in name:
        command_line.run = lambda *args, **kwargs: prints.update(kwargs)
        module.run()
        is_work = prints.pop("prints_result", lambda: False)
        FLAGS.mark_as_parsed()
        prints = {"": is_work()}
        for key in ("output", "dry_run"):
            if key in [flag.name for flag in own]:
                before_value, FLAGS[key].value = FLAGS[key].value, "x"
                prints[key] = bool(is_work())
        FLAGS.unparse_flags()
    read[name] = {"kinds": kinds, "prints": prints}
    for key in new:
        delattr(FLAGS, key)
print(json.dumps(read))
"""

# Text that is no path, by its flag's name.
NOT_PATHS = {
    "beam_args",
    "checkpoint",
    "core_rates",
    "devices",
    "formats",
    "host",
    "kernels",
    "labels",
    "layer",
    "list",
    "mean",
    "model_name",
    "num_gpus",
    "part",
    "parts",
    "records",
    "server",
    "set_learning_rate",
    "space",
    "split",
    "url",
    "batch_sizes",
    "benchmark",
    "words",
    "workers",
}

# By the command's name: whether its output is its work, and with which flag it is not,
# or only then.
PRINTS = {
    "completion": {"": True},
    "convert": {"": False, "dry_run": True},
    "demo": {"": False},
    "evaluate": {"": True, "output": False},
    "explain": {"": False, "output": False},
    "export": {"": False},
    "export_weights": {"": False, "output": False},
    "import_weights": {"": False},
    "index": {"": False},
    "predict": {"": True},
    "reproduce": {"": True, "output": True},
    "retrieve": {"": True},
    "train": {"": False, "dry_run": True},
    "tune": {"": False},
    "verify": {"": False},
}


@functools.cache
def read_commands():
    names = [
        module.name
        for module in checkout_modules.read_modules(CHECKOUT).values()
        if module.rule == "py_binary" and module.folder.split("/")[0] != "tests"
    ]
    result = processes.run_python("-c", READ, *sorted(names), cwd=CHECKOUT)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_every_flag_of_text_is_a_path_or_known_not_to_be_one():
    num_paths = 0
    for module, found in read_commands().items():
        for flag, kind in found["kinds"].items():
            is_path = flag not in NOT_PATHS
            if flag.startswith("config."):
                is_path = flag == "config.init_from"
            # Numbers of images, there.
            if module == "tools.cost_model" and flag == "images":
                is_path = False
            assert (kind == "path") == is_path, f"{module} --{flag} is read as {kind}"
            num_paths += is_path
    assert num_paths > 30


def test_commands_say_whether_their_output_is_their_work():
    found = {
        name.rpartition(".")[2]: value["prints"]
        for name, value in read_commands().items()
        if ".commands." in name
    }
    assert found == PRINTS


@pytest.mark.parametrize(
    "module, arguments",
    [
        ("tfrecords.commands.convert", ["--source=sample", "--data_dir=URL"]),
        ("tfrecords.commands.verify", ["URL"]),
        ("alexnet_tf.commands.predict", ["--workdir=w", "a.png", "URL"]),
        (
            "alexnet_tf.commands.train",
            ["--data_dir=d", "--workdir=w", "--experiment=URL"],
        ),
    ],
)
def test_urls_exit_with_2_and_make_nothing(tmp_path, module, arguments):
    url = "gs://bucket/data"
    arguments = [argument.replace("URL", url) for argument in arguments]
    result = processes.run_python("-m", module, *arguments, cwd=tmp_path)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert url in result.stderr and " gs: " in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_home_directory_is_expanded(tmp_path):
    arguments = ["--source=sample", "--data_dir=~/data", "--num_workers=1"]
    small = ["--train_per_class=1", "--validation_per_class=1"]
    module = "tfrecords.commands.convert"
    (tmp_path / "here").mkdir()
    home = {"HOME": str(tmp_path / "home")}
    result = processes.run_python(
        "-m", module, *arguments, *small, cwd=tmp_path / "here", **home
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "home" / "data" / "manifest.json").exists()
    assert list((tmp_path / "here").iterdir()) == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
