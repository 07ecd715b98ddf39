"""Ends processes while records are read for batches that nobody will take.

python -m tests.programs.end_early DATA_DIR NUM_TAKEN...

Each process takes a number of batches and ends as every program does, by reaching its
last line. They are forked from this one, which imports TensorFlow only once and has not
yet started it. Prints each process's exit code; -14 is one that did not end in time.
"""

from __future__ import annotations

import os
import signal
import sys

from alexnet_tf.config.schema import Config
from alexnet_tf.data import directory, iteration, pipeline

_SECONDS_TO_END = 100


def main() -> None:
    data_dir, *counts = sys.argv[1:]
    for count in counts:
        child = os.fork()
        if not child:
            signal.alarm(_SECONDS_TO_END)
            take_batches(data_dir, int(count))
            return
        _, status = os.waitpid(child, 0)
        print(count, os.waitstatus_to_exitcode(status), flush=True)


def take_batches(data_dir: str, count: int) -> None:
    config = Config(batch_size=2)
    data = directory.open_data(data_dir, config)
    dataset = pipeline.make_training_dataset(data, config, 0, 10**9)
    batches = iteration.iterate(data, dataset)
    for _ in range(count):
        next(batches)
    print("taken", flush=True)


if __name__ == "__main__":
    main()
