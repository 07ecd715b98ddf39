"""Tests of `alexnet_tf.devices.placement`: valid and invalid devices, memory errors."""

import json
import sys

import pytest
import tensorflow as tf

from alexnet_tf.devices import placement
from alexnet_tf.devices.placement import Placement, make_placement
from tests import forked_processes
from tfrecords import errors

needs_no_gpu = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="for a machine without GPUs"
)


def run_fresh(script):
    """Runs `script` in a process in which TensorFlow has not started."""
    done = forked_processes.run_python("-c", script)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@needs_no_gpu
def test_auto_without_gpus_leaves_it_to_tensorflow():
    auto = make_placement("auto")
    assert auto == Placement()
    assert auto.get_device(0) is auto.get_device(1) is None
    assert auto.describe() == "on the device that TensorFlow chooses"


def test_auto_takes_two_gpus_where_there_are_two(monkeypatch):
    for count, devices in [
        (1, ()),
        (2, ("/device:GPU:0", "/device:GPU:1")),
        (8, ("/device:GPU:0", "/device:GPU:1")),
    ]:
        gpus = [f"GPU:{i}" for i in range(count)]
        monkeypatch.setattr(
            tf.config, "list_physical_devices", lambda kind=None, gpus=gpus: gpus
        )
        assert make_placement("auto").devices == devices


@pytest.mark.parametrize(
    "text", ["CPU:0", "cpu:0", " CPU:0 ", "/device:CPU:0", "device:cpu:0", "/CPU:0"]
)
def test_one_device_holds_both_towers(text):
    one = make_placement(text)
    assert one.devices == ("/device:CPU:0",)
    assert one.get_device(0) == one.get_device(1) == "/device:CPU:0"
    assert one.describe() == "on CPU:0"


def test_two_devices_hold_a_tower_each():
    two = Placement(("/device:GPU:0", "/device:GPU:1"))
    assert [two.get_device(tower) for tower in range(2)] == list(two.devices)
    assert two.describe() == "tower a on GPU:0, tower b on GPU:1"


@pytest.mark.parametrize(
    "text",
    [
        *("", "GPU", "TPU:0", "GPU:x", "GPU:-1", "CPU:0,", "CPU:0;CPU:1", "CPU:0,1"),
        *("CPU:0,CPU:1,CPU:2", "auto,CPU:0", "GPU:0 GPU:1"),
    ],
)
def test_nonsense_is_refused_with_examples(text):
    with pytest.raises(errors.UserError) as caught:
        make_placement(text)
    assert repr(text) in str(caught.value)
    assert "'GPU:0,GPU:1'" in str(caught.value)


@pytest.mark.parametrize("text", ["GPU:1,GPU:1", "CPU:0,/device:cpu:0"])
def test_a_device_named_twice_is_refused(text):
    with pytest.raises(errors.UserError, match="names one device twice"):
        make_placement(text)


@needs_no_gpu
@pytest.mark.parametrize("text", ["GPU:0", "GPU:0,GPU:1", "CPU:0,GPU:0"])
def test_a_missing_device_is_refused_with_a_list(text):
    with pytest.raises(errors.UserError) as caught:
        make_placement(text)
    assert "there is no device GPU:0 on this machine" in str(caught.value)
    assert "There are: CPU:0" in str(caught.value)


def test_logical_cpus_are_made_in_a_fresh_process():
    result = run_fresh(
        "import json; import tensorflow as tf\n"
        "from alexnet_tf.devices.placement import make_placement\n"
        "two = make_placement('CPU:0,CPU:1')\n"
        "again = make_placement('CPU:1')\n"
        "there = [d.name for d in tf.config.list_logical_devices('CPU')]\n"
        "print(json.dumps([two.devices, again.devices, there]))"
    )
    both = ["/device:CPU:0", "/device:CPU:1"]
    assert result == [both, both[1:], both]


def test_too_late_for_logical_cpus_is_reported():
    sentence = run_fresh(
        "import json; import tensorflow as tf\n"
        "from alexnet_tf.devices.placement import make_placement\n"
        "from tfrecords import errors\n"
        "tf.zeros([1]) + 1\n"
        "try:\n"
        "    make_placement('CPU:0,CPU:1')\n"
        "except errors.UserError as error:\n"
        "    print(json.dumps(str(error)))"
    )
    assert "there is no device CPU:1 on this machine" in sentence
    assert "There are: CPU:0" in sentence


def test_scope():
    with tf.Graph().as_default():
        with placement.scope("/device:CPU:0"):
            inside = tf.constant(1)
        with placement.scope(None):
            outside = tf.constant(1)
    assert inside.device == "/device:CPU:0"
    assert outside.device == ""


def test_lack_of_memory_is_reported():
    with (
        pytest.raises(
            errors.UserError, match=r"smaller --config\.batch_size.*OOM when"
        ),
        placement.memory_errors("--config.batch_size"),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when\nand a page more")


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.InternalError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        tf.errors.UnknownError(None, None, "std::bad_alloc"),
        MemoryError(),
        MemoryError("Unable to allocate 65.0 GiB for an array"),
    ],
)
def test_every_lack_of_memory_is_reported(error):
    with (
        pytest.raises(errors.DeviceMemoryError, match="smaller --x") as raised,
        placement.memory_errors("--x"),
    ):
        raise error
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("reason", ["No space left on device", "Disk quota exceeded"])
def test_a_full_disk_is_no_lack_of_memory(reason):
    with (
        pytest.raises(errors.StorageError, match=f"f.pb; {reason}") as raised,
        placement.memory_errors("--x"),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, f"f.pb; {reason}")
    assert raised.value.exit_code == 4


def test_other_errors_pass():
    with pytest.raises(tf.errors.InternalError), placement.memory_errors("--x"):
        raise tf.errors.InternalError(None, None, "a bug")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
