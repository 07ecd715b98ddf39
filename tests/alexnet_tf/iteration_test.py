"""Tests of `alexnet_tf.iteration`: elements come in order, and a process can end.

What a damaged record becomes is tested with the input, in `input_pipeline_test`.
"""

from __future__ import annotations

import sys

import pytest

from alexnet_tf import input_pipeline, iteration
from alexnet_tf.config import Config
from tests import data_directories, processes

# Ends while records are read for batches that nobody will take.
SCRIPT = """\
import sys
from alexnet_tf import config, input_pipeline, iteration
chosen = config.Config(batch_size=2)
data = input_pipeline.open_data(sys.argv[1], chosen)
dataset = input_pipeline.make_training_dataset(data, chosen, 0, 10**9)
batches = iteration.iterate(data, dataset)
for _ in range(int(sys.argv[2])):
    next(batches)
print("ends")
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class=6)
    return str(path)


def test_all_elements_in_their_order(data_dir):
    data = input_pipeline.open_data(data_dir, Config())
    dataset = input_pipeline.make_evaluation_dataset(data, Config(), "validation")
    num_seen = []
    for _, labels, record_ids in iteration.iterate(data, dataset):
        assert len(labels) == len(record_ids)
        num_seen += record_ids.numpy().tolist()
    assert num_seen == list(range(12))


def test_taking_may_stop_anywhere(data_dir):
    data = input_pipeline.open_data(data_dir, Config())
    dataset = input_pipeline.make_training_dataset(data, Config(batch_size=2), 0, 9)
    batches = iteration.iterate(data, dataset)
    next(batches)
    batches.close()
    assert list(batches) == []


@pytest.mark.parametrize("num_taken", [1, 2, 3, 5])
def test_a_process_ends_while_batches_are_made(data_dir, num_taken):
    """Without an end to what is under way, one in two or three would wait for ever."""
    done = processes.run_python("-c", SCRIPT, data_dir, num_taken, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "ends"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
