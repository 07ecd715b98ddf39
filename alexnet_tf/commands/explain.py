"""alexnet-explain: a page that shows what a network sees in an image."""

from __future__ import annotations

import sys

from absl import flags

from alexnet_tf.commands import shared_flags
from alexnet_tf.runs import run_record
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files
from tfrecords.plurals import counted

SYNOPSIS = """\
alexnet-explain --workdir=RUN IMAGE [--output=explain.html]

Writes a page that looks inside the network: the answer, the parts of the image that
it depends on (occlusion, saliency), the strongest maps of each convolutional layer, and
the patches of training images that excite their kernels most. The page is one file that
loads nothing; it has less than 4 MB per image, usually below 1. There may be up to four
images.

  alexnet-explain --workdir=runs/alexnet cat.jpg
  alexnet-explain --workdir=runs/alexnet --kernels=conv1b:3,conv5a:17 cat.jpg

Exit codes: 0 success, 2 wrong usage, or an image that could not be read, 4 storage
error; 129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM."""

_MAX_IMAGES = 4

_WORKDIR = shared_flags.define_workdir(required=True)
_IMAGES = flags.DEFINE_multi(
    command_line.PathParser(),
    flags.ArgumentSerializer(),
    "images",
    [],
    "image files, folders or patterns; the flag's name may be left out",
)
_OUTPUT = flags.DEFINE(
    command_line.PathParser(suffixes=(".html",)),
    "output",
    "explain.html",
    "the page to write",
)
_CHECKPOINT = shared_flags.define_checkpoint()
_DATA_DIR = command_line.define_path(
    "data_dir",
    "shards with training images of the same classes; by default those of the run, if "
    "they are still there",
)
_NUM_IMAGES = flags.DEFINE_integer(
    "num_images",
    512,
    "training images to search for patches, spread over the split; 0 leaves the "
    "patches out",
    lower_bound=0,
)
_NUM_MAPS = flags.DEFINE_integer(
    "num_maps",
    8,
    "maps to show of each layer and tower",
    lower_bound=1,
    upper_bound=16,
)
_NUM_KERNELS = flags.DEFINE_integer(
    "num_kernels",
    2,
    "kernels of each layer and tower to show patches of",
    lower_bound=0,
    upper_bound=4,
)
_NUM_PATCHES = flags.DEFINE_integer(
    "num_patches", 9, "patches for each kernel", lower_bound=1, upper_bound=16
)
_KERNELS = flags.DEFINE_list(
    "kernels",
    [],
    "kernels to show patches of instead of the strongest: conv1b:3,conv5a:17",
)
_SQUARE = flags.DEFINE_integer(
    "square",
    None,
    "side of the grey square, pixels; by default a seventh of the crop's",
    lower_bound=1,
)


def main() -> None:
    """Reads the flags and writes the page."""
    if not _IMAGES.value:
        raise errors.UserError("there is no image to explain: name one.")
    files.check_target(_OUTPUT.value)
    workdir = str(_WORKDIR.value)
    if run_record.find_record(workdir) is None:
        _refuse_export(workdir)
    run_record.read_config(workdir)
    command_line.quiet_tensorflow()
    from alexnet_tf.inference import predict
    from alexnet_tf.inference.explain import build, page

    paths = predict.find_images(_IMAGES.value)
    if len(paths) > _MAX_IMAGES:
        raise errors.UserError(
            f"{counted(len(paths), 'image')} were named, and a page shows at most "
            f"{_MAX_IMAGES}. Name fewer."
        )
    explanation = build.build_explanation(
        workdir,
        _CHECKPOINT.value,
        paths,
        _DATA_DIR.value,
        build.Options(
            _NUM_IMAGES.value,
            _NUM_MAPS.value,
            _NUM_KERNELS.value,
            _NUM_PATCHES.value,
            _SQUARE.value,
            tuple(_KERNELS.value),
        ),
    )
    if explanation.warning:
        print(explanation.warning, file=sys.stderr)
    if explanation.why_no_patches and _NUM_IMAGES.value:
        print(
            f"the page has no training images: {explanation.why_no_patches}",
            file=sys.stderr,
        )
    size = page.write(explanation, _OUTPUT.value)
    print(f"wrote {_OUTPUT.value}: {counted(len(paths), 'image')}, {size / 1e6:.1f} MB")


def _refuse_export(path: str) -> None:
    """Raises `UserError` if there is an export at `path`."""
    command_line.quiet_tensorflow()
    from alexnet_tf.export import exported

    try:
        exported.find_version(path)
    except errors.UserError:
        return
    raise errors.UserError(
        f"{path} is an export, which gives answers but neither inner layers nor "
        "gradients. Give the directory of the run that it was made from."
    )


def run() -> None:
    """The console script."""
    command_line.run(main, __name__, SYNOPSIS, positional="images")


if __name__ == "__main__":
    run()
