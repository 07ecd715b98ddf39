"""Runs the project's checks and measurements on a machine with a GPU, within a time.

One card is enough: for the placement it is split into two logical devices. Each part is
a command of its own, whose output goes to a file; what a part cannot do does not stop
the others. The order is that of value, as a lent machine may go any time.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files
from tfrecords.plurals import counted

ROOT = pathlib.Path(__file__).resolve().parents[1]

SYNOPSIS = """\
python tools/measure_gpu.py --output_dir=O [--minutes=14] [--parts=placement,train]

Checks and measures on a GPU: the devices; the placement of both towers on one card,
operation by operation; response normalization against float64; training steps from
synthetic batches; whole runs from JPEG and raw shards, with a profile; ten-view
evaluation; an export's answers on the GPU and on the CPU. O gets a text file for each
part and summary.json.

With --rehearse everything is small and runs on the CPU, to see that it works.

Exit codes: 0 if all parts ended well, 2 wrong usage or no GPU, or a part failed; 129,
130 and 143 stopped by SIGHUP, SIGINT and SIGTERM."""

_OUTPUT_DIR = flags.DEFINE(
    command_line.PathParser(), "output_dir", None, "for the results", required=True
)
_MINUTES = flags.DEFINE_float(
    "minutes", 14.0, "no part begins later, and the last is ended", lower_bound=0.1
)
_PARTS = flags.DEFINE_list("parts", [], "only these; by default all")
_REHEARSE = flags.DEFINE_bool("rehearse", False, "small, on the CPU")

_DEVICES = """\
import tensorflow as tf
from alexnet_tf import stack
from alexnet_tf.devices import precision
print(stack.describe())
print(tf.config.list_physical_devices())
print(precision.list_gpus())
for kind in ("auto", "float32"):
    print(precision.choose_precision(kind))
"""


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the measurement.

    Attributes:
      name: of its text file.
      commands: what follows `python`, one after another; the first failure ends it.
      seconds: its time limit.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    seconds: float = 240.0


def list_parts(folder: str, rehearses: bool) -> list[Part]:
    """The parts in their order; they keep data, runs and exports in `folder`."""
    data = {name: os.path.join(folder, name) for name in ("jpeg", "raw", "run", "out")}
    small = ("--width=0.05", "--crop_size=67") if rehearses else ()
    batches = ("8",) if rehearses else ("128", "1024")
    towers = "CPU:0,CPU:1" if rehearses else "GPU:0,GPU:1"
    split = () if rehearses else ("--split_gpu",)
    batch = "4" if rehearses else "128"
    benchmark = ("tools/benchmark.py",)
    quick = ("--nobaselines", f"--rounds={1 if rehearses else 5}")
    convert = (
        *("-m", "tfrecords.commands.convert", "--source=sample"),
        *_SAMPLE[rehearses],
    )
    train = (
        *("-m", "alexnet_tf.commands.train"),
        *("--config.num_epochs=1", "--config.precision=mixed_bfloat16"),
        *("--config.log_every_steps=5", "--config.profile_steps=12,13"),
        *_RUN[rehearses],
    )
    predict = ("tools/compare_answers.py", f"--export_dir={data['out']}")
    steps = tuple(
        (*benchmark, "train", "--precision=mixed_bfloat16", *quick, *small, *more)
        for size in batches
        for more in (
            (f"--batch_size={size}",),
            (f"--batch_size={size}", "--noreproducible"),
        )
    )
    return [
        Part("devices", (("-c", _DEVICES),)),
        Part(
            "placement",
            (
                (
                    *("tools/placement_table.py", f"--devices={towers}", *split),
                    *(f"--batch_size={batch}", "--precision=mixed_bfloat16"),
                ),
            ),
        ),
        Part(
            "normalization_errors",
            (("tools/normalization_errors.py", f"--batch_size={batch}"),),
        ),
        Part("train", steps),
        Part(
            "normalization",
            (
                (*benchmark, "normalization", f"--batch_size={batch}", *quick),
                (
                    *(*benchmark, "normalization", f"--batch_size={batch}", *quick),
                    "--precision=mixed_bfloat16",
                ),
            ),
        ),
        Part(
            "runs",
            (
                (*convert, f"--data_dir={data['jpeg']}"),
                (*train, f"--data_dir={data['jpeg']}", f"--workdir={data['run']}"),
                (*convert, f"--data_dir={data['raw']}", "--encoding=raw"),
                (*train, f"--data_dir={data['raw']}", f"--workdir={data['run']}_raw"),
            ),
        ),
        Part(
            "evaluate",
            (
                (
                    *("-m", "alexnet_tf.commands.evaluate", f"--workdir={data['run']}"),
                    "--views=10",
                ),
            ),
        ),
        Part(
            "answers",
            (
                (
                    *("-m", "alexnet_tf.commands.export", f"--workdir={data['run']}"),
                    f"--export_dir={data['out']}",
                ),
                ("tools/draw_sample.py", f"--output_dir={folder}/new", "--per_class=1"),
                (*predict, f"{folder}/new"),
            ),
        ),
    ]


# Of drawn images, by whether it rehearses.
_SAMPLE = {
    True: ("--train_per_class=6", "--validation_per_class=2"),
    False: ("--train_per_class=1000", "--validation_per_class=100"),
}
_RUN = {
    True: ("--config.batch_size=4", "--config.model.width=0.05"),
    False: ("--config.batch_size=128", "--config.num_epochs=2"),
}


def run_part(part: Part, path: str, seconds: float) -> tuple[int, float]:
    """Runs a part with its output in the file `path`; returns exit code and seconds.

    The code is 124 if it did not end within `seconds`, as that of `timeout`.
    """
    start = time.monotonic()
    environment = {
        **os.environ,
        # Processes that measure in turns share the card.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    with open(path, "w", encoding="utf-8") as output:
        for command in part.commands:
            output.write(f"$ python {' '.join(command)}\n")
            output.flush()
            try:
                code = subprocess.run(
                    [sys.executable, *command],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=ROOT,
                    env=environment,
                    timeout=max(1.0, start + seconds - time.monotonic()),
                ).returncode
            except subprocess.TimeoutExpired:
                code = 124
            output.write(f"exit code {code}\n\n")
            if code:
                break
    return code, time.monotonic() - start


def main() -> None:
    """Runs the parts, and says of each how it ended."""
    if not _REHEARSE.value:
        _check_gpu()
    folder = os.path.abspath(_OUTPUT_DIR.value)
    files.make_directory(folder)
    parts = list_parts(folder, _REHEARSE.value)
    names = [part.name for part in parts]
    for name in _PARTS.value:
        if name not in names:
            raise errors.UserError(
                f"there is no part {name!r}; give {', '.join(names)}."
            )
    end = time.monotonic() + 60 * _MINUTES.value
    summary: dict[str, dict[str, float]] = {}
    for part in parts:
        left = end - time.monotonic()
        if (_PARTS.value and part.name not in _PARTS.value) or left <= 0:
            continue
        path = os.path.join(folder, f"{part.name}.txt")
        code, seconds = run_part(part, path, min(part.seconds, left))
        summary[part.name] = {"exit_code": code, "seconds": round(seconds, 1)}
        files.write_json(os.path.join(folder, "summary.json"), summary)
        ended = "done" if not code else f"exit code {code}"
        print(f"{part.name}: {ended}, {seconds:.0f} s, {path}", flush=True)
    num_failed = sum(1 for found in summary.values() if found["exit_code"])
    print(json.dumps(summary))
    if num_failed:
        raise errors.UserError(
            f"{counted(num_failed, 'part')} of {len(summary)} failed; see the files."
        )


def _check_gpu() -> None:
    """Raises `UserError` if TensorFlow sees no GPU; asks in another process."""
    code = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if asked.stdout.split()[-1:] in ([], ["0"]):
        raise errors.UserError(
            "TensorFlow sees no GPU on this machine. See docs/troubleshooting.md, or "
            "try --rehearse."
        )


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
