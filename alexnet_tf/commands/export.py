"""alexnet-export: a trained network as a SavedModel, and in other formats."""

from __future__ import annotations

import sys

from absl import flags

from alexnet_tf.commands import shared_flags
from alexnet_tf.runs import run_record
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.plurals import counted

FORMATS = ("saved_model", "keras", "tflite", "onnx")

SYNOPSIS = """\
alexnet-export --workdir=W --export_dir=E [--formats=saved_model,keras,tflite,onnx]

Writes the network of the run in W as a SavedModel that takes the bytes of image files:
E/1, the next time E/2, as TensorFlow Serving expects. A version is complete or absent.
It needs neither W nor the training data nor the devices of the training. Files in other
formats go to E/1/assets.extra; they map pixels to probabilities.

  alexnet-export --workdir=runs/alexnet --export_dir=exports/alexnet
  saved_model_cli show --dir=exports/alexnet/1 --all

Exit codes: 0 success, 2 wrong usage or bad input, 4 storage error; 129, 130 and 143
stopped by SIGHUP, SIGINT and SIGTERM."""

_WORKDIR = shared_flags.define_workdir()
_EXPORT_DIR = command_line.define_path(
    "export_dir", "the directory of the versions 1, 2, ...; created if missing", True
)
_CHECKPOINT = shared_flags.define_checkpoint()
_PRECISION = flags.DEFINE_enum(
    "precision",
    None,
    ["float32", "mixed_bfloat16", "mixed_float16"],
    "the SavedModel's arithmetic; by default that of the training. The other formats "
    "are float32, except tflite's float16 and int8",
)
_FORMATS = flags.DEFINE_list(
    "formats",
    "saved_model",
    "the formats to write, separated by commas: saved_model, keras, tflite (float32, "
    "float16 and int8, measured on the validation split), onnx (needs the extra onnx)",
)
_DATA_DIR = command_line.define_path(
    "data_dir", "the shards for tflite; by default those that the run was trained on"
)
_CALIBRATION_IMAGES = flags.DEFINE_integer(
    "calibration_images",
    100,
    "number of training images that calibrate tflite's int8",
    lower_bound=1,
)
flags.DEFINE_alias("calibration_pictures", "calibration_images")
_WARMUP = flags.DEFINE_integer(
    "warmup",
    0,
    "number of requests that TensorFlow Serving runs while it loads the version, so "
    "that a client's first one is fast; they take turns among the signatures",
    lower_bound=0,
    upper_bound=1000,  # TensorFlow Serving's limit
)
_WARMUP_IMAGES = flags.DEFINE(
    command_line.PathListParser(),
    "warmup_images",
    [],
    "files, folders or patterns of images for --warmup, separated by commas; by "
    "default images are drawn, so that the export holds none of the training data",
)


def main() -> None:
    """Reads the flags and exports."""
    # Report a bad run before TensorFlow's import, which takes seconds.
    run_record.read_config(_WORKDIR.value)
    formats = _read_formats()
    if _WARMUP_IMAGES.value and not _WARMUP.value:
        raise errors.UserError(
            "--warmup_images needs --warmup, the number of requests."
        )
    if _WARMUP.value and "saved_model" not in formats:
        raise errors.UserError(
            "--warmup is for the SavedModel: add saved_model to --formats, or leave "
            "out --warmup."
        )
    command_line.quiet_tensorflow()
    from alexnet_tf.evaluation import evaluate
    from alexnet_tf.export import exported, other_formats, saved_model
    from alexnet_tf.runs import trained_network, untrained

    exported.check_target(_EXPORT_DIR.value)
    requests = _make_warmup_requests()
    calibration = None
    if other_formats.TFLITE in formats:
        data, _ = evaluate.open_run_data(_WORKDIR.value, _DATA_DIR.value)
        calibration = other_formats.Calibration(data, _CALIBRATION_IMAGES.value)
    other_formats.check(formats, calibration)
    network = trained_network.load(
        _WORKDIR.value, _CHECKPOINT.value, precision_policy=_PRECISION.value
    )
    if warning := untrained.describe(untrained.read(network.checkpoint)):
        print(warning, file=sys.stderr)
    made = saved_model.export(
        network, _EXPORT_DIR.value, formats, calibration, requests
    )
    print(
        f"exported step {network.checkpoint.step:,} to {made.path}\n"
        f"  {counted(len(network.training_data.classes), 'class')}, "
        f"{network.config.precision}, "
        f"SHA-256 {made.digest}"
    )
    if requests:
        print(f"  TensorFlow Serving warms up with {counted(len(requests), 'request')}")
    for text in made.report:
        print("\n".join(f"  {line}" for line in text.splitlines()))
    if saved_model.SAVED_MODEL in formats:
        print(f"  alexnet-predict --export_dir={_EXPORT_DIR.value} IMAGES...")


def _make_warmup_requests() -> list[bytes]:
    from alexnet_tf.export import warmup
    from alexnet_tf.inference import predict

    num_images = warmup.count_images(_WARMUP.value)
    if _WARMUP_IMAGES.value:
        paths = predict.find_images(_WARMUP_IMAGES.value)
        images = warmup.read_images(paths[:num_images])
    else:
        images = warmup.draw_images(num_images)
    return list(warmup.make_requests(images, _WARMUP.value))


def _read_formats() -> tuple[str, ...]:
    for name in _FORMATS.value or [""]:
        if name not in FORMATS:
            raise errors.UserError(
                f"--formats names {name!r}. The formats are {', '.join(FORMATS)}, "
                "separated by commas."
            )
    return tuple(_FORMATS.value)


def run() -> None:
    """The console script."""
    command_line.run(main, __name__, SYNOPSIS)


if __name__ == "__main__":
    run()
