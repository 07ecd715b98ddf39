"""Tests of `training.profiling`: the trace, read by TensorBoard's profile plugin."""

from __future__ import annotations

import glob
import json
import os
import resource
import sys

import pytest

from alexnet_tf.training import profiling
from tests import data_directories, processes, training_runs
from tfrecords import errors

# In a process of its own: the plugin brings a TensorFlow of its own.
CONVERT = """\
import sys
from xprof.convert import raw_to_tool_data
data, _ = raw_to_tool_data.xspace_to_tool_data([sys.argv[1]], sys.argv[2], {})
sys.stdout.buffer.write(data if isinstance(data, bytes) else data.encode())
"""


@pytest.mark.parametrize("steps", [(5,), (9, 3), (-1, 3), (1, 2, 3)])
def test_only_two_rising_steps_make_a_window(steps):
    with pytest.raises(errors.UserError, match="such as 20,30"):
        profiling.ProfileWindow(steps, "nowhere")


def test_no_window_records_nothing(tmp_path):
    window = profiling.ProfileWindow((), str(tmp_path))
    for step in range(3):
        with window.trace_step(step):
            pass
        assert not window.finish_step(step)
    window.close()
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_reported_and_leaves_no_partial_trace(tmp_path):
    window = profiling.ProfileWindow((0, 1), str(tmp_path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with window.trace_step(0):
        pass
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        with pytest.raises(errors.StorageError, match="could not be written") as raised:
            window.finish_step(1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert raised.value.exit_code == 4
    assert _find_traces(tmp_path) == []
    window.close()


def test_a_window_outside_the_run_is_explained(tmp_path):
    window = profiling.ProfileWindow((4, 6), str(tmp_path))
    assert window.explain_absence(4, 9) is None
    assert "resumes at step 5. Give later" in window.explain_absence(5, 9)
    assert "the run ends at step 4. Give earlier" in window.explain_absence(0, 4)
    assert profiling.ProfileWindow((), str(tmp_path)).explain_absence(5, 9) is None


@pytest.mark.parametrize("last", [3, 1000])
def test_window_is_written_at_its_end_or_the_runs(tmp_path, last):
    window = profiling.ProfileWindow((2, last), str(tmp_path))
    written = []
    for step in range(6):
        with window.trace_step(step):
            pass
        written.append(window.finish_step(step))
    assert written == [step == last for step in range(6)]
    window.close()
    window.close()
    assert len(_find_traces(tmp_path)) == 1


def _find_traces(logdir):
    return glob.glob(os.path.join(logdir, "plugins", "profile", "*", "*.xplane.pb"))


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(data_dir, num_classes=2, per_class=10)
    workdir = tmp_path_factory.mktemp("run")
    training_runs.run(data_dir, workdir, {"num_epochs": 2, "profile_steps": "2,4"})
    (path,) = _find_traces(workdir / "tensorboard")
    return path


def _convert(trace, tool):
    pytest.importorskip("xprof", reason="tensorboard-plugin-profile is not installed")
    result = processes.run_python("-c", CONVERT, trace, tool)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_profile_page_shows_the_steps_that_were_asked_for(trace):
    step_times = _convert(trace, "overview_page")[1]
    names = [row["c"][0]["v"] for row in step_times["rows"]]
    assert names == ["train 2", "train 3", "train 4"]
    columns = [column["id"] for column in step_times["cols"]]
    for row in step_times["rows"]:
        times = dict(zip(columns, [cell["v"] for cell in row["c"]], strict=True))
        # Each step is split into computing, waiting for input and the rest.
        assert 0 < times["hostComputeTimeMs"] < times["stepTimeMs"]
        assert 0 < times["infeedTimeMs"] < times["stepTimeMs"]


def test_the_op_table_lists_the_networks_operations(trace):
    tables = _convert(trace, "framework_op_stats")
    text = json.dumps(tables)
    for operation in ("Conv2D", "Conv2DBackpropFilter", "ResourceApplyKerasMomentum"):
        assert operation in text, operation


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
