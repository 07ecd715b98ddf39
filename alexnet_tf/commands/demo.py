"""alexnet-demo: a page in the browser that predicts images."""

from __future__ import annotations

import sys
import threading

from absl import flags

from alexnet_tf.commands import shared_flags
from tfrecords import errors
from tfrecords.console import command_line

SYNOPSIS = """\
alexnet-demo --model=EXPORT_OR_WORKDIR [--index_dir=I] [--port=7860]

Serves a page: drop in an image and see its five most probable classes, by one view or
ten, and the responses of conv1's kernels; with an index of alexnet-retrieve, also the
six images most like it. Needs the extra demo: pip install 'alexnet-tf[demo]'. Only this
machine can open the page unless --host says otherwise. It has no password. Ctrl-C stops
it and removes what was uploaded.

  alexnet-demo --model=exports/alexnet

Exit codes: 0 success, 2 wrong usage or bad input, 4 storage error; 129, 130 and 143
stopped by SIGHUP, SIGINT and SIGTERM."""

_MODEL = command_line.define_path(
    "model",
    "an export, or a run's directory; the flag's name may be left out. A SavedModel is "
    "a program: use only what you made or trust",
)
_CHECKPOINT = shared_flags.define_checkpoint("of a run: ")
_INDEX_DIR = command_line.define_path(
    "index_dir", "features of alexnet-retrieve, to show the most similar images"
)
_DATA_DIR = command_line.define_path(
    "data_dir", "the images of --index_dir; by default where they were"
)
_HOST = flags.DEFINE(
    command_line.TextParser(),
    "host",
    "127.0.0.1",
    "the address to listen at; 0.0.0.0 for all who can reach this machine",
)
_PORT = flags.DEFINE_integer(
    "port", 7860, "the port to listen at", lower_bound=1, upper_bound=65535
)
_MAX_UPLOAD_MB = flags.DEFINE_integer(
    "max_upload_mb", 20, "the largest image file, MiB", lower_bound=1, upper_bound=256
)
_IMAGES_PER_MINUTE = flags.DEFINE_integer(
    "images_per_minute", 30, "as many images may each client send", lower_bound=1
)


def main() -> None:
    """Reads the flags and serves until a signal ends it."""
    if not _MODEL.value:
        raise errors.UserError(
            "--model is missing: give an export or a run's directory."
        )
    command_line.quiet_tensorflow()
    from alexnet_tf.inference import answers, demo_page
    from alexnet_tf.runs import untrained

    demo_page.check_package()
    demo_page.check_address(_HOST.value, _PORT.value)
    answerer = answers.open_model(_MODEL.value, _CHECKPOINT.value)
    if _INDEX_DIR.value:
        from alexnet_tf.retrieval import finder

        answerer.find = finder.open_finder(
            _INDEX_DIR.value, _MODEL.value, _CHECKPOINT.value, _DATA_DIR.value
        )
    if warning := untrained.describe(answerer.untrained_layers):
        print(warning, file=sys.stderr)
    with demo_page.serve(
        answerer,
        _HOST.value,
        _PORT.value,
        _MAX_UPLOAD_MB.value,
        _IMAGES_PER_MINUTE.value,
    ) as address:
        print(f"{address} shows {_MODEL.value}; Ctrl-C stops it.", flush=True)
        threading.Event().wait()


def run() -> None:
    """The console script."""
    command_line.run(main, __name__, SYNOPSIS, positional="model")


if __name__ == "__main__":
    run()
