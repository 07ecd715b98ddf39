"""alexnet-export: a trained network as a SavedModel."""

from __future__ import annotations

from absl import flags

from alexnet_tf import workdir
from tfrecords import command_line

SYNOPSIS = """\
alexnet-export --workdir=W --export_dir=E [--checkpoint=last|best|STEP]

Writes the network of the run in W as a SavedModel that takes the bytes of pictures:
E/1, the next time E/2, complete or not at all, as TensorFlow Serving expects them. It
needs neither W nor the training data, nor the devices of the training.

  alexnet-export --workdir=runs/alexnet --export_dir=exports/alexnet
  saved_model_cli show --dir=exports/alexnet/1 --all

Exit codes: 0 done, 2 wrong use or bad input, 4 storage, 130 interrupted."""

_WORKDIR = flags.DEFINE_string("workdir", None, "the run's directory", required=True)
_EXPORT_DIR = flags.DEFINE_string(
    "export_dir", None, "holds the versions 1, 2, ...; made if missing", required=True
)
_CHECKPOINT = flags.DEFINE_string("checkpoint", "last", "last, best or a step")
_PRECISION = flags.DEFINE_enum(
    "precision",
    None,
    ["float32", "mixed_bfloat16", "mixed_float16"],
    "the arithmetic; by default that of the training",
)


def main() -> None:
    """Reads the flags and exports."""
    # What is wrong with the run is said at once, not after TensorFlow's import.
    workdir.read_config(_WORKDIR.value)
    command_line.quiet_tensorflow()
    from alexnet_tf import export, trained_network

    network = trained_network.load(
        _WORKDIR.value, _CHECKPOINT.value, precision_policy=_PRECISION.value
    )
    path, digest = export.export(network, _EXPORT_DIR.value)
    print(
        f"exported step {network.checkpoint.step:,} to {path}\n"
        f"  {len(network.training_data.classes)} classes, {network.config.precision}, "
        f"SHA-256 {digest}\n"
        f"  alexnet-predict --export_dir={_EXPORT_DIR.value} PICTURES..."
    )


def run() -> None:
    """The console script."""
    command_line.run(main, __name__, SYNOPSIS)


if __name__ == "__main__":
    run()
