"""alexnet-predict: the most probable classes of images."""

from __future__ import annotations

import json
import sys

from absl import flags

from alexnet_tf.commands import shared_flags
from alexnet_tf.runs import run_record
from tfrecords import errors
from tfrecords.console import command_line, printing
from tfrecords.durable import files
from tfrecords.plurals import counted

SYNOPSIS = """\
alexnet-predict --workdir=W|--export_dir=E IMAGES... [--views=10] [--plot=panels.png]

Prints the five most probable classes of every image. IMAGES are files, folders (read
with their sub-folders, except hidden ones) or patterns. An image in a folder with the
name of a class is taken to be of that class. Images and folders that cannot be read are
reported and skipped.

  alexnet-predict --workdir=runs/alexnet cat.jpg holiday/
  alexnet-predict --export_dir=exports/alexnet --format=csv 'photos/*.png'

Exit codes: 0 success, 2 wrong usage, or an image that could not be read, 4 storage
error; 129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM."""

_WORKDIR = shared_flags.define_workdir("a run's directory", required=False)
_EXPORT_DIR = command_line.define_path(
    "export_dir",
    "an export. A SavedModel is a program: use only what you made or trust",
)
_IMAGES = flags.DEFINE_multi(
    command_line.PathParser(),
    flags.ArgumentSerializer(),
    "images",
    [],
    "files, folders or patterns; the flag's name may be left out",
)
flags.DEFINE_alias("pictures", "images")
_CHECKPOINT = shared_flags.define_checkpoint("with --workdir: ")
_VIEWS = shared_flags.define_views()
_FORMAT = flags.DEFINE_enum(
    "format", "text", ["text", "json", "csv"], "format of the output"
)
_ORIENTATION = flags.DEFINE_bool(
    "apply_orientation", True, "rotate images as their Exif orientation says"
)
_PLOT = shared_flags.define_figure(
    "plot", "draw the images and their labels, as in the paper's figure 4"
)
_MAX_PANELS = flags.DEFINE_integer(
    "max_panels", 16, "how many images --plot shows at most", lower_bound=1
)


def main() -> None:
    """Reads the flags, predicts and prints."""
    if bool(_WORKDIR.value) == bool(_EXPORT_DIR.value):
        raise errors.UserError("give either --workdir or --export_dir.")
    if _EXPORT_DIR.value:
        shared_flags.refuse_checkpoint()
    if not _IMAGES.value:
        raise errors.UserError("there is no image to predict: name some, or folders.")
    if _PLOT.value:
        files.check_target(_PLOT.value)
    if _WORKDIR.value:
        run_record.read_config(_WORKDIR.value)
    command_line.quiet_tensorflow()
    from alexnet_tf.figures import panels
    from alexnet_tf.inference import predict
    from alexnet_tf.runs import trained_network, untrained

    paths = predict.find_images(_IMAGES.value)
    num_views = int(_VIEWS.value)
    if _EXPORT_DIR.value:
        predictor = predict.open_export(_EXPORT_DIR.value, num_views)
    else:
        network = trained_network.load(str(_WORKDIR.value), _CHECKPOINT.value)
        predictor = predict.make_predictor(network, num_views)
    if warning := untrained.describe(predictor.untrained_layers):
        print(warning, file=sys.stderr)

    if _FORMAT.value != "text":
        printing.write_utf8()
    num_bad = 0
    shown: list[predict.Prediction] = []
    answers: list[dict] = []
    if _FORMAT.value == "csv":
        print(predict.CSV_HEADER)
    for prediction in predict.predict_files(
        predictor, paths, apply_orientation=_ORIENTATION.value
    ):
        if prediction.error:
            num_bad += 1
        elif len(shown) < _MAX_PANELS.value:
            shown.append(prediction)
        if _FORMAT.value == "json":
            answers.append(predict.to_json(prediction, predictor.classes))
        elif _FORMAT.value == "csv":
            print(predict.format_csv(prediction, predictor.classes), flush=True)
        else:
            print(predict.format_text(prediction, predictor.classes), flush=True)
    if _FORMAT.value == "json":
        print(json.dumps(answers, indent=1, ensure_ascii=False))
    if _PLOT.value and shown:
        missing = panels.draw_panels(
            [prediction.image for prediction in shown],
            [prediction.probabilities for prediction in shown],
            [prediction.truth for prediction in shown],
            [info.text for info in predictor.classes],
            _PLOT.value,
        )
        print(
            f"wrote {_PLOT.value}: {counted(len(shown), 'image')}",
            file=sys.stderr,
        )
        if missing:
            print(
                f"Note: the figure's font lacks {missing}; there are boxes instead. "
                "--format=csv prints the names.",
                file=sys.stderr,
            )
    if num_bad:
        raise errors.DataError(
            f"{num_bad} of {len(paths)} images could not be predicted; the reasons "
            "stand beside their names."
        )


def run() -> None:
    """The console script."""
    command_line.run(
        main, __name__, SYNOPSIS, positional="images", prints_result=lambda: True
    )


if __name__ == "__main__":
    run()
