"""`alexnet-index`: makes another program's ImageNet TFRecords usable."""

from __future__ import annotations

from absl import flags

from tfrecords.console import command_line
from tfrecords.plurals import counted

SYNOPSIS = """\
Makes another program's ImageNet TFRecords usable, without copying them: reads the
shards once and writes their class list, index and statistics.

  alexnet-index --records_dir=RECORDS --label_offset=1 [--data_dir=D]

Shards are named <split>-00000-of-01024; the splits are train, validation (or val) and
test. Then train with --data_dir=D --config.data.label_offset=1.
"""

_RECORDS_DIR = command_line.define_path(
    "records_dir", "The directory of the shards.", required=True
)
_LABEL_OFFSET = flags.DEFINE_integer(
    "label_offset",
    1,
    "The label on disk of the first class: 1 in most programs' ImageNet.",
    lower_bound=0,
)
_DATA_DIR = command_line.define_path(
    "data_dir", "Directory for manifest, index and statistics; RECORDS by default."
)
_NUM_WORKERS = flags.DEFINE_integer(
    "num_workers", None, "Number of processes; by default one per core.", lower_bound=1
)
_ALLOW_EMPTY_SHARDS = flags.DEFINE_bool(
    "allow_empty_shards",
    False,
    "Accept shards of zero bytes: a small data set may have been divided into more "
    "shards than records.",
)


def main() -> None:
    """Indexes the shards and prints a summary."""
    from tfrecords.verification import foreign_shards, index

    data_dir = _DATA_DIR.value or _RECORDS_DIR.value
    contents = index.index_records(
        _RECORDS_DIR.value,
        data_dir,
        _LABEL_OFFSET.value,
        _NUM_WORKERS.value,
        allow_empty_shards=_ALLOW_EMPTY_SHARDS.value,
    )
    for note in foreign_shards.find_short(contents.splits):
        print(f"Note: {note}")
    for name, split in contents.splits.items():
        print(
            f"{name}: {counted(split.num_records, 'record')} in "
            f"{counted(len(split.shards), 'shard')}"
        )
    print(
        f"{counted(contents.num_classes, 'class')}. {data_dir} is ready for "
        "alexnet-train."
    )
    offset = _LABEL_OFFSET.value
    setting = f" --config.data.label_offset={offset}" if offset else ""
    print(f"Next: alexnet-train --data_dir={data_dir} --workdir=DIRECTORY{setting}")


def run() -> None:
    """The console script."""
    command_line.run(main, __name__, SYNOPSIS)


if __name__ == "__main__":
    run()
