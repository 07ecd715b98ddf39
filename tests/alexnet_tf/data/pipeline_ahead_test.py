"""Batches are prefetched and made on several cores even under op determinism.

There TensorFlow calls in turn whatever has a state: nothing would be prefetched.
"""

import sys

import pytest
import tensorflow as tf

from alexnet_tf.data import directory, pipeline
from tests import forked_processes
from tests.alexnet_tf.small_shards import make_config, make_foreign_data, write_data

pytestmark = pytest.mark.whole_run

# Takes one batch of two and waits until records of later batches have been read.
SCRIPT = """\
import sys, time
from alexnet_tf.config import schema as config
from alexnet_tf.data import directory, iteration, pipeline
from alexnet_tf.devices import precision
from tfrecords.shards import record_reader

num_read = 0
for name in ("read", "read_into"):
    def count(self, *arguments, plain=getattr(record_reader.RecordReader, name)):
        global num_read
        num_read += 1
        return plain(self, *arguments)
    setattr(record_reader.RecordReader, name, count)

precision.set_reproducible(True)
chosen = config.Config(batch_size=2, eval_batch_size=2)
data = directory.open_data(sys.argv[1], chosen)
if sys.argv[2] == "training":
    dataset = pipeline.make_training_dataset(data, chosen, 0, 9)
else:
    dataset = pipeline.make_evaluation_dataset(data, chosen, "validation")
batches = iteration.iterate(data, dataset)
next(batches)
end = time.monotonic() + 60
while num_read < 6 and time.monotonic() < end:
    time.sleep(0.01)
print(num_read >= 6)
"""


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
@pytest.mark.parametrize("use", ["training", "evaluation"])
def test_later_batches_are_read_meanwhile(tmp_path, encoding, use):
    data_dir = write_data(tmp_path, encoding)
    done = forked_processes.run_python("-c", SCRIPT, data_dir, use, timeout=240)
    assert done.stdout.split() == ["True"], done.stderr


def test_the_tuner_is_off(tmp_path):
    """Autotune delayed every other evaluation of 6 s until 10 s."""
    config = make_config()
    data = directory.open_data(write_data(tmp_path), config)
    for dataset in (
        pipeline.make_training_dataset(data, config, 0, 3),
        pipeline.make_evaluation_dataset(data, config, "validation"),
    ):
        assert dataset.options().autotune.enabled is False


@pytest.mark.parametrize("use", ["training", "finished", "evaluation", "foreign"])
def test_images_are_decoded_on_several_cores(tmp_path, monkeypatch, use):
    """A stateful op, even a check that prints, would run serially."""
    stateful = []
    plain = tf.data.Dataset.map

    def spy(dataset, function, num_parallel_calls=None, **rest):
        if num_parallel_calls is not None:
            traced = tf.function(function).get_concrete_function(*dataset.element_spec)
            operations = traced.graph.get_operations()
            stateful.append({o.type for o in operations if o.op_def.is_stateful})
        return plain(dataset, function, num_parallel_calls=num_parallel_calls, **rest)

    monkeypatch.setattr(tf.data.Dataset, "map", spy)
    config = make_config(finish_on="host" if use == "finished" else "device")
    if use == "foreign":
        data_dir = make_foreign_data(tmp_path, config.data.label_offset)
    else:
        data_dir = write_data(tmp_path)
    data = directory.open_data(data_dir, config)
    if use == "evaluation":
        pipeline.make_evaluation_dataset(data, config, "validation", 10)
    else:
        pipeline.make_training_dataset(data, config, 0, 3)
    assert stateful == [set()]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
