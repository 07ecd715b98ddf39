"""`alexnet-convert`: images in, TFRecord shards out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from absl import flags

from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.conversion import plan
from tfrecords.shards import schema

if TYPE_CHECKING:
    from tfrecords.sources import Source

SYNOPSIS = """
Converts ImageNet's archives, or images of your own, to TFRecord shards of 256x256.

  alexnet-convert --source=ilsvrc2012 --source_dir=ARCHIVES --data_dir=SHARDS
  alexnet-convert --source=folder --source_dir=IMAGES --data_dir=SHARDS

Killed and started again, the same command goes on where it was.
"""

_DEFAULTS = plan.ConvertSettings()
_ORIENTATIONS = {"auto": None, "apply": True, "ignore": False}

FLAGS = flags.FLAGS
flags.DEFINE_enum(
    "source",
    None,
    ["ilsvrc2012", "folder", "cifar10", "sample"],
    "What the images are: ilsvrc2012, the official archives as they come or the "
    "layout that Kaggle hands out; folder, one sub-folder for each class, or train "
    "and validation folders of them; cifar10, the official python archive; sample, "
    "the embedded set of drawn images, which needs no --source_dir.",
    required=True,
)
flags.DEFINE(
    command_line.PathParser(),
    "source_dir",
    None,
    "The directory of the archives or images.",
)
flags.DEFINE(
    command_line.PathParser(),
    "data_dir",
    None,
    "Where the shards go: a new or empty directory.",
    required=True,
)
flags.DEFINE_integer(
    "num_workers",
    None,
    "Processes at work; every core by default. The shards do not depend on it.",
    lower_bound=1,
)
flags.DEFINE_enum(
    "resizing",
    _DEFAULTS.resizing,
    list(plan.RESIZINGS),
    "How the shorter side becomes 256 pixels, for which the paper names no filter: "
    "bicubic, antialiased; or authors, as their released converter does it, by areas, "
    "which is faster and needs OpenCV (pip install 'alexnet-tf[opencv]'). What "
    "predicts stays bicubic.",
)
flags.DEFINE_enum(
    "encoding",
    _DEFAULTS.encoding,
    list(plan.ENCODINGS),
    "jpeg, or raw: uint8, about six times larger, nothing to decode in training.",
)
flags.DEFINE_integer(
    "jpeg_quality", _DEFAULTS.jpeg_quality, "Of the stored JPEGs, 1 to 100."
)
flags.DEFINE_integer(
    "seed",
    _DEFAULTS.seed,
    "Of the shuffle, of the folder's split and of the drawn images.",
)
flags.DEFINE_integer(
    "num_train_shards",
    None,
    "Shards of the training split; by default as many as suit its size.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "num_validation_shards", None, "Likewise, of the validation split.", lower_bound=1
)
flags.DEFINE_enum(
    "exif_orientation",
    "auto",
    list(_ORIENTATIONS),
    "Whether an image's EXIF orientation turns it: auto ignores it for ImageNet, as "
    "the paper did, and applies it for a folder.",
)
flags.DEFINE_integer(
    "max_rejects",
    None,
    "More images that cannot be decoded than this are an error; by default one in a "
    "hundred.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "max_pixels",
    _DEFAULTS.max_pixels,
    "Images with more pixels are rejected unread.",
    lower_bound=1,
    upper_bound=plan.LARGEST_MAX_PIXELS,
)
flags.DEFINE_bool(
    "strict",
    False,
    "Make every note about the source an error before anything is written: counts, "
    "sizes or MD5 sums that are not the official ones, a missing validation split, "
    "classes without images.",
)
flags.DEFINE_bool(
    "check_md5",
    True,
    "ilsvrc2012: compare the archives' MD5 sums with the official ones; --strict does "
    "so in any case.",
)
flags.DEFINE_float(
    "validation_fraction",
    None,
    "folder: the share of each class's images that is set aside for validation, such "
    "as 0.1, where there are no train and validation folders.",
    lower_bound=0.0,
    upper_bound=1.0,
)
flags.DEFINE_bool(
    "dry_run",
    False,
    "Convert a few images as a trial, say how long all would take and how large they "
    "would be, and write nothing.",
)
flags.DEFINE_integer(
    "train_per_class", 100, "sample: training images a class.", lower_bound=1
)
flags.DEFINE_integer(
    "validation_per_class", 20, "sample: validation images a class.", lower_bound=1
)


def main() -> int | None:
    """Converts as the flags say."""
    from tfrecords.conversion import convert, dry_run, source_report

    # The folder source alone would take shards among the images for a class.
    searched_dir = FLAGS.source_dir if FLAGS.source == "folder" else None
    convert.check_directories(searched_dir, FLAGS.data_dir)
    source = _open_source()
    if FLAGS.strict:
        source_report.refuse_notes(source)
    arguments = (
        source,
        FLAGS.data_dir,
        _make_settings(),
        FLAGS.num_workers,
    )
    if FLAGS.dry_run:
        print("\n".join(dry_run.rehearse(*arguments)))
        return None
    convert.convert(*arguments)
    return None


def _make_settings() -> plan.ConvertSettings:
    asked = {"train": FLAGS.num_train_shards, "validation": FLAGS.num_validation_shards}
    return plan.ConvertSettings(
        resizing=FLAGS.resizing,
        encoding=FLAGS.encoding,
        jpeg_quality=FLAGS.jpeg_quality,
        seed=FLAGS.seed,
        num_shards={name: asked[name] for name in schema.SPLITS if asked.get(name)},
        apply_orientation=_ORIENTATIONS[FLAGS.exif_orientation],
        max_rejects=FLAGS.max_rejects,
        max_pixels=FLAGS.max_pixels,
    )


def _open_source() -> Source:
    from tfrecords.sources import cifar, folder
    from tfrecords.sources.ilsvrc import official
    from tfrecords.sources.sample import sample_source

    if FLAGS.source == "sample":
        return sample_source.open_sample(
            FLAGS.train_per_class, FLAGS.validation_per_class, FLAGS.seed
        )
    if FLAGS.source_dir is None:
        raise errors.UserError(
            f"--source={FLAGS.source} needs --source_dir, the directory of its "
            "archives or images."
        )
    if FLAGS.source == "ilsvrc2012":
        return official.open_ilsvrc2012(
            FLAGS.source_dir, check_md5=FLAGS.check_md5 or FLAGS.strict
        )
    if FLAGS.source == "cifar10":
        return cifar.open_cifar10(FLAGS.source_dir)
    return folder.open_folder(
        FLAGS.source_dir,
        validation_fraction=FLAGS.validation_fraction,
        seed=FLAGS.seed,
    )


def run() -> None:
    """The console script's entry point."""
    command_line.run(
        main, __name__, SYNOPSIS, prints_result=lambda: bool(FLAGS.dry_run)
    )


if __name__ == "__main__":
    run()
