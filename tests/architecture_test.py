"""The house rules, checked in the source: imports, forbidden calls, file sizes.

A rule that stands in the way of a good change is changed here, in the same commit.
"""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests import long_files
from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[1]

# Packages, and modules beside them, the lowest first: an import between two of them
# goes to a line above.
LAYERS = (
    ("tfrecords", "tfrecords.errors"),
    (
        "tfrecords.lazy_names",
        "tfrecords.limits",
        "tfrecords.plurals",
        "tfrecords.stable_random",
    ),
    ("tfrecords.durable",),
    ("tfrecords.console", "tfrecords.images"),
    ("tfrecords.shards",),
    ("tfrecords.sources",),
    ("tfrecords.conversion", "tfrecords.verification"),
    ("tfrecords.commands",),
    ("alexnet_tf", "alexnet_tf.stack"),
    ("alexnet_tf.config", "alexnet_tf.devices"),
    ("alexnet_tf.experiments",),
    ("alexnet_tf.data", "alexnet_tf.network", "alexnet_tf.figures"),
    ("alexnet_tf.optimization",),
    ("alexnet_tf.runs",),
    ("alexnet_tf.evaluation",),
    ("alexnet_tf.training", "alexnet_tf.export"),
    ("alexnet_tf.inference", "alexnet_tf.tune", "alexnet_tf.weights"),
    ("alexnet_tf.reproduce", "alexnet_tf.retrieval"),
    ("alexnet_tf.commands",),
)

# Modules that --help and the converter's workers load, which must not load TensorFlow.
FREE_OF_TENSORFLOW = (
    # Beam, which the pipeline imports, may be missing.
    r"tfrecords(\.(?!conversion\.beam\.pipeline$).*)?",
    r"alexnet_tf(\.(commands|config|experiments)(\..*)?)?",
    r"alexnet_tf\.data\.folds",
    r"alexnet_tf\.network\.(networks|tables)",
    r"alexnet_tf\.optimization\.(learning_rates|schedule)",
    r"alexnet_tf\.reproduce(\.(?!execute|probes|kernel_probes|dropout_average).*)?",
    r"alexnet_tf\.runs\.(checkpoint_files|inheritance|run_record|untrained|workdir)",
    r"alexnet_tf\.tune\.(directory|space|trial_results)",
)

# Modules that no file tests/<...>/<module>_test.py mirrors, each with its reason.
UNTESTED = {
    "tfrecords.commands": "calls first_steps, whose test imports it",
    "tfrecords.errors": "names and exit codes, which the commands' tests expect",
    "tfrecords.sources": "an interface; the tests of its sources hold it",
    "alexnet_tf": "its check is in the test of first_steps, which commands make too",
    "alexnet_tf.commands": "likewise",
}

# Parts of a module that are tested through it.
TESTED_WITH = {
    "tfrecords.lazy_names": "package_names",
    "alexnet_tf.commands.completion_scripts": "alexnet_tf.commands.completion",
    "alexnet_tf.commands.shared_flags": "alexnet_tf.commands.import_weights",
    "tools.export_weights": "alexnet_tf.commands.export_weights",
    "tools.setup_values": "setup",
    "tools.worker_collectives": "tools.placement_table",
    "tools.import_weights": "alexnet_tf.commands.import_weights",
    "alexnet_tf.runs.checkpoint_files": "alexnet_tf.runs.checkpoint",
    "alexnet_tf.config.suggestions": "alexnet_tf.config.overrides",
    "alexnet_tf.config.field": "alexnet_tf.config.overrides",
    "alexnet_tf.devices.peers": "alexnet_tf.devices.meeting",
    "alexnet_tf.evaluation.report": "alexnet_tf.evaluation.evaluate",
    "alexnet_tf.inference.explain.explanation": "alexnet_tf.inference.explain.page",
    "alexnet_tf.inference.explain.layer_section": "alexnet_tf.inference.explain.page",
    "alexnet_tf.inference.explain.markup": "alexnet_tf.inference.explain.page",
    "alexnet_tf.inference.explain.page_style": "alexnet_tf.inference.explain.page",
    "alexnet_tf.experiments.alexnet": "alexnet_tf.experiments",
    "alexnet_tf.experiments.alexnet_source": "alexnet_tf.experiments",
    "alexnet_tf.experiments.caffe": "alexnet_tf.experiments",
    "alexnet_tf.experiments.cifar10": "alexnet_tf.experiments",
    "alexnet_tf.experiments.conv6_source": "alexnet_tf.experiments",
    "alexnet_tf.experiments.finetune": "alexnet_tf.experiments",
    "alexnet_tf.experiments.sample": "alexnet_tf.experiments",
    "alexnet_tf.config.settings_file": "alexnet_tf.experiments",
    "alexnet_tf.export.onnx_file": "alexnet_tf.export.other_formats",
    "alexnet_tf.export.tflite_files": "alexnet_tf.export.other_formats",
    "alexnet_tf.export.tflite_report": "alexnet_tf.export.other_formats",
    "alexnet_tf.optimization.learning_rates": "alexnet_tf.optimization.schedule",
    "alexnet_tf.evaluation.forward": "alexnet_tf.evaluation.evaluate",
    "alexnet_tf.network.parameters": "alexnet_tf.training.run_state",
    "alexnet_tf.training.setup": "alexnet_tf.training.dry_run",
    "alexnet_tf.data.batch_reader": "alexnet_tf.data.pipeline",
    "alexnet_tf.data.directory": "alexnet_tf.data.pipeline",
    "alexnet_tf.runs.run_record": "alexnet_tf.runs.workdir",
    "alexnet_tf.training.saver": "alexnet_tf.training.train",
    "alexnet_tf.training.validation": "alexnet_tf.training.train",
    "alexnet_tf.weights.bounds": "alexnet_tf.weights.numpy_files",
    "tfrecords.durable.locks": "tfrecords.durable.files",
    "tfrecords.sources.ilsvrc.devkit": "tfrecords.sources.ilsvrc.official",
    "tfrecords.sources.ilsvrc.release": "tfrecords.sources.ilsvrc.official",
    "tfrecords.sources.archives.synset_tars": "tfrecords.sources.imagenet",
    "tfrecords.sources.file_tree": "tfrecords.sources.class_archive",
    "tfrecords.sources.folder_contents": "tfrecords.sources.layouts",
    "tfrecords.sources.parquet_files": "tfrecords.sources.parquet",
    "tfrecords.sources.text_files": "tfrecords.sources.synset_words",
    "tfrecords.sources.sample.drawing": "tfrecords.sources.sample.sample_source",
    "tfrecords.sources.sample.random_draws": "tfrecords.sources.sample.sample_source",
    "tfrecords.sources.sample.patterns": "tfrecords.sources.sample.sample_source",
    "tfrecords.sources.sample.shapes": "tfrecords.sources.sample.sample_source",
    "tfrecords.verification.shard_reader": "tfrecords.verification.shard_check",
    "tools.benchmarks.bare_start": "tools.benchmark",
    "tools.benchmarks.inputs": "tools.benchmark",
    "tools.benchmarks.registry": "tools.benchmark",
    "tools.benchmarks.training": "tools.benchmark",
}

# A claim's file is data; one test holds all of them.
TESTED_WITH |= {
    f"alexnet_tf.experiments.claims.{path.stem}": "alexnet_tf.experiments.claims"
    for path in (CHECKOUT / "alexnet_tf/experiments/claims").glob("*.py")
    if path.stem != "__init__"
}
TESTED_WITH |= {
    "alexnet_tf.reproduce.arrays": "alexnet_tf.reproduce.runner",
    "alexnet_tf.reproduce.dropout_average": "alexnet_tf.reproduce.probes",
    "alexnet_tf.reproduce.execute": "alexnet_tf.reproduce.runner",
    "alexnet_tf.reproduce.kernel_probes": "alexnet_tf.reproduce.probes",
    "alexnet_tf.reproduce.off_centre": "alexnet_tf.reproduce.probes",
    "alexnet_tf.reproduce.outcomes": "alexnet_tf.reproduce.report",
}

# Modules that import commands in order to describe them, each with its reason.
ABOUT_COMMANDS = {
    "alexnet_tf.commands.completion": "it completes the flags of every command",
    "tools.export_weights": "it is the command, from a checkout",
    "tools.import_weights": "it is the command, from a checkout",
}

MAX_LINES = 350

MODULES = checkout_modules.read_modules(CHECKOUT)
SHIPPED = sorted(name for name in MODULES if not name.startswith("tests."))
EVERY_MODULE = pytest.mark.parametrize("name", SHIPPED)


def _path(name: str) -> pathlib.Path:
    module = MODULES[name]
    return CHECKOUT / module.folder / f"{module.stem}.py"


def _tree(name: str) -> ast.Module:
    return ast.parse(_path(name).read_text(encoding="utf-8"))


def _layer(name: str) -> str:
    """The package below a top level that holds a module, or the module itself."""
    return ".".join(name.split(".")[:2])


def _imported_names(tree: ast.Module) -> Iterator[str]:
    """Dotted names of everything imported, `from a import b` as both a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("name", [n for n in SHIPPED if not n.startswith("tools")])
def test_imports_between_packages_point_downward(name):
    level_of = {layer: row for row, layers in enumerate(LAYERS) for layer in layers}
    own = _layer(name)
    assert own in level_of, f"give {own} its line in LAYERS"
    for imported in MODULES[name].imports:
        other = _layer(imported)
        if other != own:
            assert level_of[other] < level_of[own], (
                f"{name} imports {imported}, which is not in a line above its own"
            )


@EVERY_MODULE
def test_imports_point_to_products(name):
    top = name.partition(".")[0]
    for imported in MODULES[name].imports:
        other = imported.partition(".")[0]
        assert other in {
            "tfrecords": ("tfrecords",),
            "alexnet_tf": ("alexnet_tf", "tfrecords"),
            "tools": ("alexnet_tf", "tfrecords", "tools"),
        }.get(top, ()), f"{name} imports {imported}"
        # A command may share flags with its neighbours.
        folder = name.rpartition(".")[0]
        assert (
            ".commands" not in imported
            or imported.startswith(folder)
            or name in ABOUT_COMMANDS
        ), f"{name} imports {imported}; commands are for users"


def test_no_import_goes_in_a_circle():
    finished: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path, name])
        if name not in finished:
            for imported in sorted(MODULES[name].imports - {name}):
                # A package that imports its own modules runs before them.
                if not name.startswith(f"{imported}."):
                    visit(imported, (*path, name))
            finished.add(name)

    for name in SHIPPED:
        visit(name, ())


@EVERY_MODULE
def test_flags_are_read_in_commands_and_tools_only(name):
    if re.match(r"tools\.|.*\.commands\.|tfrecords\.console\.(command_l|help_t)", name):
        pytest.skip("may read flags")
    imported = set(_imported_names(_tree(name)))
    assert not imported & {"absl.flags", "absl.app"}, f"{name} reads flags"


def test_tensorflow_is_imported_late():
    free = [
        name
        for name in SHIPPED
        if any(re.fullmatch(pattern, name) for pattern in FREE_OF_TENSORFLOW)
    ]
    code = "import importlib, sys\n" + "\n".join(
        f"importlib.import_module({name!r})\n"
        f"heavy = {{'tensorflow', 'keras', 'torch'}} & set(sys.modules)\n"
        f"assert not heavy, f'importing {name} imports {{heavy}}'"
        # Two commands may define the same flag: each gets a clean table.
        "\nfrom absl import flags\n"
        "for flag in list(flags.FLAGS): delattr(flags.FLAGS, flag)"
        for name in free
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@EVERY_MODULE
def test_keras_comes_from_the_stack_module(name):
    if name == "alexnet_tf.stack":
        pytest.skip("the module that holds what differs between Keras 2 and Keras 3")
    tree = _tree(name)
    for imported in _imported_names(tree):
        assert not re.match(
            r"(keras|tf_keras|tensorflow\.keras|tensorflow_addons)(\.|$)", imported
        ), f"{name}: from alexnet_tf.stack import keras"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "keras":
            assert ast.unparse(node.value) not in ("tf", "tensorflow"), (
                f"{name}:{node.lineno}: from alexnet_tf.stack import keras"
            )


@EVERY_MODULE
def test_every_module_has_its_test(name):
    module = MODULES[name]
    definitions = ast.ClassDef, ast.FunctionDef
    if module.is_package and not any(
        isinstance(node, definitions) for node in _tree(name).body
    ):
        pytest.skip("tests/package_names_test.py resolves the names that it exports")
    if name in UNTESTED:
        pytest.skip(UNTESTED[name])
    path = f"tests/{TESTED_WITH.get(name, name).replace('.', '/')}_test.py"
    assert (CHECKOUT / path).is_file(), (
        f"{module.folder}/{module.stem}.py has no {path}"
    )


def test_every_test_runs_itself():
    """Bazel runs a test file as a program; without its last line, no test runs."""
    for path in sorted(CHECKOUT.glob("tests/**/*_test.py")):
        last_line = path.read_text(encoding="utf-8").rstrip().splitlines()[-1]
        assert last_line == "    sys.exit(pytest.main([__file__, *sys.argv[1:]]))", path


def test_exceptions_are_not_stale():
    named = {*UNTESTED, *TESTED_WITH, *ABOUT_COMMANDS}
    assert named <= set(MODULES)
    for path in long_files.LONG_FILES:
        assert (CHECKOUT / path).is_file(), path


@pytest.mark.parametrize("name", sorted(MODULES))
def test_files_stay_readable(name):
    lines = len(_path(name).read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{_path(name)}: {lines} lines; split it"


def test_nothing_is_called_by_no_name():
    vague = {"utils", "util", "common", "helpers", "misc"}
    for name in MODULES:
        assert not vague & set(name.split(".")), f"{name}: name it for what it holds"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
