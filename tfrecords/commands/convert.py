"""`alexnet-convert`: converts images to TFRecord shards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from absl import flags

from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.conversion import plan
from tfrecords.conversion.beam import runners
from tfrecords.shards import schema

if TYPE_CHECKING:
    from tfrecords.conversion.convert import WriteShards
    from tfrecords.sources import Source

SYNOPSIS = """
Converts ImageNet's archives, or your own images, to TFRecord shards of 256x256 images.

  alexnet-convert --source=ilsvrc2012 --source_dir=ARCHIVES --data_dir=SHARDS
  alexnet-convert --source=folder --source_dir=IMAGES --data_dir=SHARDS

If it is stopped or killed, the same command resumes the conversion.
"""

_DEFAULTS = plan.ConvertSettings()
_ORIENTATIONS = {"auto": None, "apply": True, "ignore": False}


class _RunnerParser(flags.EnumParser):
    """The parser of `--runner`: says why there is no Dataflow."""

    def __init__(self) -> None:
        super().__init__([runners.LOCAL, *runners.BEAM_RUNNERS])

    def parse(self, argument: str) -> str:
        if "dataflow" in argument.lower():
            raise ValueError(runners.DATAFLOW)
        return super().parse(argument)


FLAGS = flags.FLAGS
flags.DEFINE_enum(
    "source",
    None,
    [
        "auto",
        "ilsvrc2012",
        "ilsvrc2010",
        "imagenet_fall2011",
        "imagenet_fall2009",
        "tiny_imagenet",
        "cifar10",
        "folder",
        "archive",
        "imagefolder",
        "parquet",
        "tfds",
        "webdataset",
        "sample",
    ],
    "The kind of source: ilsvrc2012 and ilsvrc2010, the official archives, the former "
    "also in Kaggle's layout; imagenet_fall2011 and imagenet_fall2009, a tar of one "
    "tar for each synset; tiny_imagenet and cifar10, as downloaded; folder, one folder "
    "for each class, or train and validation folders of them; archive, a zip or tar of "
    "such folders; imagefolder and parquet, as on Hugging Face; tfds, shards of "
    "TensorFlow Datasets; webdataset, tars of samples; sample, the built-in drawn "
    "images, which need no --source_dir; auto, the one that fits --source_dir.",
    required=True,
)
command_line.define_path(
    "source_dir", "The directory of the archives or images, or the archive."
)
command_line.define_path(
    "data_dir", "Where the shards go: a new or empty directory.", required=True
)
flags.DEFINE_integer(
    "num_workers",
    None,
    "Number of processes; by default one per core. The shards do not depend on it.",
    lower_bound=1,
)
flags.DEFINE(
    _RunnerParser(),
    "runner",
    runners.LOCAL,
    "Where the shards are written: local, by this command's processes; direct, spark "
    "or flink, by Apache Beam (pip install 'alexnet-tf[beam]'). The shards are the "
    "same.",
)
flags.DEFINE_string(
    "beam_args",
    "",
    "Beam's own arguments, such as '--job_endpoint=localhost:8099 --parallelism=64'.",
)
flags.DEFINE_enum(
    "resizing",
    _DEFAULTS.resizing,
    list(plan.RESIZINGS),
    "How images are resized (the paper names no filter): bicubic, antialiased; or "
    "authors, as in the authors' released converter, which averages areas, is faster "
    "and needs OpenCV (pip install 'alexnet-tf[opencv]'). Prediction always uses "
    "bicubic.",
)
flags.DEFINE_integer(
    "image_size",
    _DEFAULTS.image_size,
    "Side of the stored images, pixels: 256 in the paper (section 2); 32 keeps "
    "CIFAR-10's.",
    lower_bound=1,
)
flags.DEFINE_enum(
    "encoding",
    _DEFAULTS.encoding,
    list(plan.ENCODINGS),
    "jpeg, or raw: uint8 pixels, about six times larger, not decoded in training.",
)
flags.DEFINE_integer(
    "jpeg_quality", _DEFAULTS.jpeg_quality, "Quality of the stored JPEGs, 1 to 100."
)
flags.DEFINE_integer(
    "seed",
    _DEFAULTS.seed,
    "Seed of the shuffle, of the splits that divide each class's images, and of the "
    "drawn images.",
)
flags.DEFINE_integer(
    "num_train_shards",
    None,
    "Number of training shards; by default chosen from the number of images.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "num_validation_shards", None, "Number of validation shards.", lower_bound=1
)
flags.DEFINE_enum(
    "exif_orientation",
    "auto",
    list(_ORIENTATIONS),
    "Whether images are rotated by their EXIF orientation: auto ignores it for "
    "ImageNet, as in the paper, tfds and webdataset, and applies it for the others.",
)
flags.DEFINE_integer(
    "max_rejects",
    None,
    "Number of images that may fail to decode; by default 1 %.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "max_pixels",
    _DEFAULTS.max_pixels,
    "Images with more pixels are rejected without being decoded.",
    lower_bound=1,
    upper_bound=plan.LARGEST_MAX_PIXELS,
)
flags.DEFINE_bool(
    "strict",
    False,
    "Treat every note about the source as an error, before anything is written: "
    "unofficial counts, sizes or MD5 sums, a missing validation split, classes without "
    "images.",
)
flags.DEFINE_bool(
    "check_md5",
    True,
    "ilsvrc2012: compare the archives' MD5 sums with the official ones; always done "
    "with --strict. ilsvrc2010, whose sums are not known: note them in the manifest.",
)
flags.DEFINE_float(
    "validation_fraction",
    None,
    "The fraction of each class used for validation, such as 0.1, where the source has "
    "no validation split; of Fall 2009, of the images that are not its test half. Not "
    "for ilsvrc*, tiny_imagenet, cifar10 and sample.",
    lower_bound=0.0,
    upper_bound=1.0,
)
flags.DEFINE_bool(
    "dry_run",
    False,
    "Convert a few images, estimate the time and the size of the whole conversion, and "
    "write nothing.",
)
flags.DEFINE_integer(
    "train_per_class", 100, "sample: training images per class.", lower_bound=1
)
flags.DEFINE_integer(
    "validation_per_class", 20, "sample: validation images per class.", lower_bound=1
)


# Sources of which --validation_fraction divides the training images.
_DIVIDED = (
    *("imagenet_fall2011", "imagenet_fall2009", "folder", "archive"),
    *("imagefolder", "parquet", "tfds", "webdataset"),
)


def main() -> None:
    """Converts the source that the flags name."""
    from tfrecords.conversion import convert, dry_run, source_report

    name = _find_source_name()
    # Only the folder source would take the shards' directory for a class.
    searched_dir = FLAGS.source_dir if name == "folder" else None
    convert.check_directories(searched_dir, FLAGS.data_dir)
    write_shards = _choose_writer()
    source = _open_source(name)
    if FLAGS.strict:
        source_report.refuse_notes(source)
    arguments = (source, FLAGS.data_dir, _make_settings(), FLAGS.num_workers)
    if FLAGS.dry_run:
        print("\n".join(dry_run.estimate(*arguments)))
    else:
        convert.convert(*arguments, write_shards)


def _choose_writer() -> WriteShards | None:
    """What writes the shards: None for the local converter's processes."""
    from tfrecords.conversion.beam import driver

    if FLAGS.runner == runners.LOCAL:
        if FLAGS.beam_args:
            raise errors.UserError(
                f"--beam_args={FLAGS.beam_args} has no effect without --runner="
                f"{'|'.join(runners.BEAM_RUNNERS)}. Add one, or leave out --beam_args."
            )
        return None
    arguments = runners.check(FLAGS.runner, FLAGS.beam_args, FLAGS.num_workers)
    return driver.BeamWriter(FLAGS.runner, arguments)


def _find_source_name() -> str:
    name: str = FLAGS.source
    if name != "sample" and FLAGS.source_dir is None:
        raise errors.UserError(
            f"--source={name} needs --source_dir, the directory of its archives or "
            "images. Add it."
        )
    if name != "auto":
        return name
    from tfrecords.sources import layouts

    name = layouts.detect(FLAGS.source_dir)
    print(
        f"{FLAGS.source_dir} is read as --source={name}: {layouts.DESCRIPTIONS[name]}."
    )
    return name


def _make_settings() -> plan.ConvertSettings:
    asked = {"train": FLAGS.num_train_shards, "validation": FLAGS.num_validation_shards}
    return plan.ConvertSettings(
        resizing=FLAGS.resizing,
        image_size=FLAGS.image_size,
        encoding=FLAGS.encoding,
        jpeg_quality=FLAGS.jpeg_quality,
        seed=FLAGS.seed,
        num_shards={name: asked[name] for name in schema.SPLITS if asked.get(name)},
        apply_orientation=_ORIENTATIONS[FLAGS.exif_orientation],
        max_rejects=FLAGS.max_rejects,
        max_pixels=FLAGS.max_pixels,
    )


def _open_source(name: str) -> Source:
    from tfrecords.sources import (
        cifar,
        class_archive,
        folder,
        imagefolder,
        imagenet,
        parquet,
        tfds,
        tiny_imagenet,
        webdataset,
    )
    from tfrecords.sources.ilsvrc import official
    from tfrecords.sources.sample import sample_source

    directory = FLAGS.source_dir
    held_out: dict[str, Any] = {
        "validation_fraction": FLAGS.validation_fraction,
        "seed": FLAGS.seed,
    }
    checked = {"check_md5": FLAGS.check_md5 or FLAGS.strict}
    openers: dict[str, Callable[[], Source]] = {
        "sample": lambda: sample_source.open_sample(
            FLAGS.train_per_class, FLAGS.validation_per_class, FLAGS.seed
        ),
        "ilsvrc2012": lambda: official.open_ilsvrc2012(directory, **checked),
        "ilsvrc2010": lambda: official.open_ilsvrc2010(directory, **checked),
        "imagenet_fall2011": lambda: imagenet.open_imagenet(
            directory, imagenet.FALL2011, **held_out
        ),
        "imagenet_fall2009": lambda: imagenet.open_imagenet(
            directory, imagenet.FALL2009, **held_out
        ),
        "tiny_imagenet": lambda: tiny_imagenet.open_tiny_imagenet(directory),
        "cifar10": lambda: cifar.open_cifar10(directory),
        "folder": lambda: folder.open_folder(directory, **held_out),
        "archive": lambda: class_archive.open_archive(directory, **held_out),
        "imagefolder": lambda: imagefolder.open_imagefolder(directory, **held_out),
        "parquet": lambda: parquet.open_parquet(directory, **held_out),
        "tfds": lambda: tfds.open_tfds(directory, **held_out),
        "webdataset": lambda: webdataset.open_webdataset(directory, **held_out),
    }
    if FLAGS.validation_fraction is not None and name not in _DIVIDED:
        raise errors.UserError(
            f"--validation_fraction={FLAGS.validation_fraction} has no effect on "
            f"--source={name}, whose splits are fixed. Leave out the flag."
        )
    return openers[name]()


def run() -> None:
    """The console script's entry point."""
    command_line.run(
        main, __name__, SYNOPSIS, prints_result=lambda: bool(FLAGS.dry_run)
    )


if __name__ == "__main__":
    run()
