"""README.md and docs/: commands, flags, settings, code, files and links exist.

The commands in `RUNS` are also run, in this order and in one process, on small data and
with a tiny network. `NOT_RUN` says of every other one why it is not.
"""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

from alexnet_tf.config import overrides, schema
from tests import archives, command_worker, data_directories, documentation
from tests.documentation import CHECKOUT, TEXTS
from tools import checkout_modules

COMMANDS = documentation.list_commands()
ALL_TEXT = "\n".join(TEXTS.values())

# Programs of others that the pages call.
OTHERS = {"cd", "conda", "docker", "git", "pip", "pre-commit", "source", "tensorboard"}
OTHERS_FLAGS = {
    *("target", "rm", "user", "gpus", "net"),  # docker
    *("direct_running_mode", "environment_config", "environment_type"),  # Beam
    *("flink", "job_endpoint", "parallelism", "service_port", "spark"),  # Beam
    *("dry", "index", "file", "force", "no"),  # pip, conda
    "version",  # of every command
    *("logdir", "dir", "all", "help", "helpfull"),  # tensorboard, saved_model_cli, absl
    "bind",  # http.server
}

# Flags that still work under these names and are not shown.
EARLIER_NAMES = {"calibration_pictures", "pictures"}

ONE_WORKER = ["--num_workers=1"]
ONE_EPOCH = {"num_epochs": 1}
# What is run, with what keeps it small: flags, or settings over the tiny network's.
RUNS: dict[str, list[str] | dict[str, object]] = {
    "alexnet-train --help": [],
    "alexnet-train --helpfull": [],
    "alexnet-reproduce list": ["--records_dir=records"],
    "alexnet-completion bash > ~/.alexnet-completion.bash": [],
    "alexnet-convert --source=sample --train_per_class=500 --data_dir=drawn": [
        *ONE_WORKER,
        "--train_per_class=1",
        "--validation_per_class=1",
    ],
    "alexnet-convert --source=cifar10 --source_dir=downloads --data_dir=cifar10": (
        ONE_WORKER
    ),
    "alexnet-convert --source=folder --source_dir=images --data_dir=data "
    "--validation_fraction=0.1": [*ONE_WORKER, "--data_dir=mine"],
    "alexnet-convert --source=ilsvrc2012 --source_dir=archives --data_dir=data": (
        ONE_WORKER
    ),
    "alexnet-verify data": ONE_WORKER,
    "alexnet-index --records_dir=theirs --label_offset=1 --data_dir=data": [
        *ONE_WORKER,
        "--data_dir=indexed",
    ],
    "alexnet-train --data_dir=data --workdir=runs/alexnet": ONE_EPOCH,
    "alexnet-evaluate --workdir=runs/alexnet --views=10": [],
    "python tools/plot_curves.py --workdirs=runs/alexnet --output=curves.png": [],
    "python tools/plot_kernels.py --workdir=runs/alexnet --output=kernels.png": [],
    "python tools/plot_kernels.py --workdir=runs/alexnet --output=kernels.svg "
    "--range=shared --order=colour": [],
    "alexnet-train --experiment=finetune --data_dir=data --workdir=runs/tuned "
    "--config.init_from=runs/alexnet": {**ONE_EPOCH, "precision": "float32"},
    "alexnet-explain --workdir=runs/alexnet cat.jpg": ["--num_images=4"],
    "alexnet-export --workdir=runs/mine --export_dir=exports/mine": [],
    "alexnet-predict --export_dir=exports/mine --views=10 --plot=panels.png holiday/": (
        []
    ),
    "alexnet-predict --workdir=runs/alexnet --plot=answers.svg --max_panels=8 "
    "holiday/": [],
    "python tools/draw_sample.py --output_dir=new --per_class=3": ["--per_class=1"],
    "python tools/compare_pca.py --data_dir=data": [],
    "python tools/cost_model.py --core_rates='JPEG=1540'": [],
    "python tools/cost_model.py --workers=2,8 --worker_link=25": [],
}

# Why the others are not run: the first pattern that fits.
NOT_RUN = {
    r"make|docker|git|cd|pip|pre-commit|source ": "makes an environment",
    r"tensorboard|alexnet-tune|.*KERASTUNER": "runs on, or for long",
    r"python tools/(benchmark|placement_table|plot_towers)": "the full network",
    r"python tools/measure_gpu": "needs a GPU; a test of its own",
    r"python tools/plot_network": "the full network; a test of its own",
    r"alexnet-reproduce run": "trains for hours; tests of its own",
    r"alexnet-reproduce report": "of such runs; a test of its own",
    r"python tools/baselines": "trains for long; a test of its own",
    r"alexnet-(import|export)-weights": "needs weights; tests of its own",
    r"alexnet-retrieve": "needs a run of ImageNet; a test of its own",
    r"alexnet-demo": "serves until it is stopped; tests of its own",
    r"python tools/serving_client": "needs a server; a test of its own",
    r"python -m pytest|python tools/build_files": "part of the tests itself",
    r"python tools/build_tour": "a minute; a test of its own",
    r"alexnet-train .*(GPU:0|finetune)": "needs two GPUs, or another run",
    r"alexnet-train .*--workers": "needs several machines; a test of its own",
    r"alexnet-(train|evaluate|convert|export|predict|explain)": (
        "as one that is run, on other data"
    ),
}


class Worker(command_worker.CommandWorker):
    """Runs the pages' commands in `folder`."""

    def __init__(self, folder: pathlib.Path):
        super().__init__()
        self.folder = folder

    def run_words(self, words, **options):
        """Runs a command, or reads its flags; None where it is another's program."""
        options["folder"] = self.folder
        if words[0].startswith("alexnet-"):
            module = MODULES[words[0]]
            return self.ask("module", module, words[1:], **options)
        if words[0] == "python" and words[1] != "-m":
            return self.ask("file", CHECKOUT / words[1], words[2:], **options)
        return None


MODULES = {
    f"alexnet-{module.stem.replace('_', '-')}": module.name
    for module in checkout_modules.read_modules(CHECKOUT).values()
    if module.folder.endswith("/commands") and module.rule == "py_binary"
}


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    """In a folder with what the pages' commands read."""
    folder = tmp_path_factory.mktemp("documentation")
    archives.write_folder(folder / "images", {"cat": 12, "dog": 12})
    archives.write_folder(folder / "holiday", {"cat": 1, "dog": 1})
    archives.write_cifar10(folder / "downloads")
    archives.write_ilsvrc2012(folder / "archives")
    data_directories.write_foreign_shards(folder / "theirs")
    for name in ("a.jpg", "cat.jpg"):
        (folder / name).write_bytes(archives.make_image(0))
    # The run under the other names that the pages give to one.
    (folder / "runs").mkdir()
    (folder / "runs" / "mine").symlink_to("alexnet")
    worker = Worker(folder)
    yield worker
    worker.close()


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_takes_its_flags(worker, command):
    words = documentation.split(command)
    if done := worker.run_words(words, only_flags=True):
        assert done["code"] == 0, done["stderr"]
    elif words[0] == "make":
        done = subprocess.run(
            ["make", "--dry-run", *words[1:]],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    elif words[0] == "python":
        assert words[1:3] == ["-m", "pytest"] and (CHECKOUT / words[3]).is_file()
    else:
        assert words[0] in OTHERS, f"nothing checks {words[0]!r}"


def test_a_wrong_flag_would_be_found(worker):
    words = ["alexnet-train", "--data_dir=d", "--workdir=w", "--config.batch_sise=64"]
    done = worker.run_words(words, only_flags=True)
    assert done["code"] == 2
    assert "batch_size" in done["stderr"]


def test_every_command_is_run_or_has_a_reason():
    assert set(RUNS) <= set(COMMANDS)
    for command in COMMANDS:
        assert command in RUNS or any(re.match(p, command) for p in NOT_RUN), command


@pytest.mark.whole_run
@pytest.mark.parametrize("command", RUNS, ids=str)
def test_command_runs(worker, command):
    small = RUNS[command]
    words = documentation.split(command)
    if isinstance(small, dict):
        done = worker.run_words(words, tiny=small)
    else:
        done = worker.run_words([*words, *small])
    assert done["code"] == 0, done["stderr"]


@pytest.mark.whole_run
def test_python_runs(worker):
    """After the commands: where an export and an image have the names of the pages."""
    printed = ""
    for text in TEXTS.values():
        for code in documentation.list_blocks(text, "python"):
            done = worker.ask("code", code, folder=worker.folder)
            assert done["code"] == 0, done["stderr"]
            printed += done["stdout"]
    assert "60,965,224 parameters" in printed
    assert "b'tench" in printed


def test_settings_exist_and_take_their_values():
    named = re.findall(r"--config\.([a-z0-9_.]+)(?:=('[^']+'|[^\s`]+))?", ALL_TEXT)
    assert named
    known = {setting.name for setting in overrides.list_settings(schema.Config())}
    for name, value in named:
        assert name in known
        if value:
            overrides.override(schema.Config(), {name: value.strip("'")})


def test_flags_in_the_text_exist(worker):
    scripts = {
        path
        for path in (CHECKOUT / "tools").glob("*.py")
        if "command_line.run(" in path.read_text(encoding="utf-8")
    }
    known = set(OTHERS_FLAGS)
    for module in MODULES.values():
        known.update(worker.ask("module", module, ["--help"], only_flags=True)["flags"])
    for path in scripts:
        known.update(worker.ask("file", path, ["--help"], only_flags=True)["flags"])
    assert {"config.batch_size", "kernel_layout", "dry_run"} <= known
    for name in re.findall(r"(?<![\w-])--([a-z][\w.]*\w)", ALL_TEXT):
        assert name in known or name.removeprefix("no") in known, name


@pytest.mark.parametrize("command", MODULES)
def test_help_fits_on_two_screens_and_names_every_flag(worker, command):
    short = worker.run_words([command, "--help"])
    assert short["code"] == 0, short["stderr"]
    lines = short["stdout"].splitlines()
    assert len(lines) <= 80 and max(map(len, lines)) <= 88
    full = worker.run_words([command, "--helpfull"])
    for flag in full["flags"]:
        assert f"--{flag}" in full["stdout"] or flag in EARLIER_NAMES
        assert flag.rpartition(".")[2] in short["stdout"] or flag in EARLIER_NAMES


def test_files_in_the_text_exist():
    for page, text in TEXTS.items():
        folder = (CHECKOUT / page).parent
        for link in re.findall(r"\]\(([^)\s]+)", text):
            path, _, anchor = link.partition("#")
            if link.startswith("https://"):
                continue
            target = folder / path if path else CHECKOUT / page
            assert target.exists(), f"{page}: {link}"
            if anchor:
                linked = target.read_text(encoding="utf-8")
                assert anchor in documentation.list_anchors(linked), f"{page}: {link}"
        for path in re.findall(r"`((?:[a-z_]+/)+)`", text):
            assert (CHECKOUT / path).is_dir(), f"{page}: {path}"
        tops = "|".join(checkout_modules.TOP_FOLDERS)
        # Addresses of other projects have such folders too.
        own = re.sub(r"https://\S+", "", text)
        for path in re.findall(rf"\b((?:{tops}|docs)/[\w/]+\.\w+)", own):
            # NAME is the reader's.
            assert (CHECKOUT / path).is_file() or "NAME" in path, f"{page}: {path}"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
