"""How "auto" is resolved: by timing on a CPU, by compute capability on a GPU."""

import sys
import types

import pytest
import tensorflow as tf

from alexnet_tf.devices import precision, precision_timing
from alexnet_tf.runs import run_record
from tests import data_directories, forked_processes, training_runs
from tfrecords import errors


@pytest.fixture(autouse=True)
def _forget():
    precision._measure_processor.cache_clear()
    yield
    precision._measure_processor.cache_clear()


def set_machine(monkeypatch, bfloat16_seconds=None, capability=None):
    """A machine where float32 takes 1 s and bfloat16 the given time; maybe a GPU."""
    gpus = [] if capability is None else [types.SimpleNamespace(name="GPU:0")]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: gpus)
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        lambda gpu: {"compute_capability": capability, "device_name": "A card"},
    )
    seconds = {"float32": 1.0, "bfloat16": bfloat16_seconds}
    timing = precision_timing.Timing(seconds, seconds)
    calls = []
    monkeypatch.setattr(
        precision_timing, "measure", lambda: calls.append("measured") or timing
    )
    return calls


@pytest.mark.parametrize(
    ("seconds", "expected", "factor"),
    [
        (0.5, "mixed_bfloat16", "2 times"),
        (0.9, "mixed_bfloat16", "1.1 times"),
        (0.95, "float32", "1.1 times"),
        (1.0, "float32", "1 times"),
        (2.0, "float32", "2 times"),
    ],
)
def test_auto_takes_what_is_measured_to_be_faster(
    monkeypatch, seconds, expected, factor
):
    calls = set_machine(monkeypatch, seconds)
    chosen = precision.choose_precision("auto")
    assert chosen.precision == expected
    assert expected in chosen.describe() and factor in chosen.describe()
    assert chosen.to_json() == {
        "precision": expected,
        "reason": chosen.reason,
        "timing": {
            "matmul": {"float32": 1.0, "bfloat16": seconds},
            "convolution": {"float32": 1.0, "bfloat16": seconds},
        },
    }
    # All runs of a process use the same precision.
    assert precision.choose_precision("auto") is chosen
    assert calls == ["measured"]


def test_a_measurement_that_fails_means_float32(monkeypatch):
    set_machine(monkeypatch)

    def fail():
        raise tf.errors.UnimplementedError(None, None, "no such kernel\nat node x")

    monkeypatch.setattr(precision_timing, "measure", fail)
    chosen = precision.choose_precision("auto")
    assert chosen.precision == "float32"
    assert "no such kernel" in chosen.describe() and "\n" not in chosen.describe()


def test_a_run_keeps_what_it_began_with(monkeypatch):
    calls = set_machine(monkeypatch, 2.0)
    chosen = precision.choose_precision("auto", "mixed_bfloat16")
    assert chosen.precision == "mixed_bfloat16"
    assert calls == []
    # A named precision is used; `workdir` compares it with the run's.
    assert precision.choose_precision("float32", "mixed_bfloat16").precision == (
        "float32"
    )


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ((7, 5), "float32"),
        ((8, 0), "mixed_bfloat16"),
        ((9, 0), "mixed_bfloat16"),
        ((10, 0), "mixed_bfloat16"),
    ],
)
def test_auto_asks_the_gpu_first(monkeypatch, capability, expected):
    calls = set_machine(monkeypatch, 0.5, capability)
    chosen = precision.choose_precision("auto")
    assert chosen.precision == expected
    assert ".".join(map(str, capability)) in chosen.describe()
    assert calls == []
    assert precision.list_gpus() == ["A card"]


@pytest.mark.parametrize("given", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_any_other_value_stands(monkeypatch, given):
    calls = set_machine(monkeypatch, 0.5, (9, 0))
    chosen = precision.choose_precision(given)
    assert chosen.precision == given
    assert chosen.describe() == "" and chosen.to_json() is None and calls == []


# Determinism makes unseeded draws an error.
SHOW_REPRODUCIBLE = """
import tensorflow as tf
try:
    tf.random.normal([1])
    print("drawn")
except RuntimeError:
    print("refused")
print(tf.config.experimental.tensor_float_32_execution_enabled())
"""


@pytest.mark.parametrize(
    "is_reproducible, expected",
    [(True, ["refused", "False"]), (False, ["drawn", "True"])],
)
def test_reproducible_is_deterministic_without_tensorfloat32(is_reproducible, expected):
    script = (
        "from alexnet_tf.devices import precision\n"
        f"precision.set_reproducible({is_reproducible})\n{SHOW_REPRODUCIBLE}"
    )
    # In a separate process, as not every version can undo it.
    done = forked_processes.run_python("-c", script)
    assert done.stdout.split() == expected, done.stderr


def test_a_run_need_not_be_reproducible(tmp_path):
    data_directories.write_data_directory(tmp_path / "data")
    script = (
        "from tests import training_runs\n"
        f"training_runs.run({str(tmp_path / 'data')!r}, {str(tmp_path / 'run')!r}, "
        f"{{'reproducible': False, 'num_epochs': 1}})\n{SHOW_REPRODUCIBLE}"
    )
    done = forked_processes.run_python("-c", script)
    assert done.stdout.split()[-2:] == ["drawn", "True"], done.stderr
    assert "--config.reproducible=false: another run" in done.stderr
    assert run_record.read_config(str(tmp_path / "run")).reproducible is False
    with pytest.raises(errors.UserError, match=r"config\.reproducible"):
        training_runs.run(tmp_path / "data", tmp_path / "run", {"num_epochs": 1})


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
