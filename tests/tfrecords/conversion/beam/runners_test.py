"""Wrong choices of a runner and of its arguments are refused before the work."""

import importlib.util
import logging
import sys

import pytest

from tests import processes
from tfrecords import errors
from tfrecords.conversion.beam import runners

HAS_BEAM = importlib.util.find_spec("apache_beam") is not None
HAS_ADDONS = importlib.util.find_spec("tensorflow_addons") is not None
needs_beam = pytest.mark.skipif(
    not HAS_BEAM or HAS_ADDONS, reason="Apache Beam is not installed (extra `beam`)"
)


def refusal(*arguments):
    with pytest.raises(errors.UserError) as caught:
        runners.check(*arguments)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("runner", runners.BEAM_RUNNERS)
def test_without_beam_the_extra_is_named(monkeypatch, runner):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    if HAS_ADDONS:
        pytest.skip("the stack of TensorFlow Addons has another sentence")
    text = refusal(runner, "", None)
    assert f"--runner={runner}" in text
    assert "pip install 'alexnet-tf[beam]'" in text
    # Beam's warnings are held back on import; ours are not.
    assert logging.root.manager.disable == logging.NOTSET


def test_beside_addons_it_is_refused(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: name if name == "tensorflow_addons" else find_spec(name),
    )
    text = refusal("direct", "", None)
    assert "TensorFlow Addons" in text and "protobuf" in text


@needs_beam
def test_the_direct_runner_uses_processes():
    assert runners.check("direct", "", 3) == [
        "--direct_running_mode=multi_processing",
        "--direct_num_workers=3",
    ]
    # Beam takes the last of equal arguments.
    arguments = runners.check("direct", "--direct_num_workers=5 --job_name='a b'", 3)
    assert arguments[1:] == [
        "--direct_num_workers=3",
        "--direct_num_workers=5",
        "--job_name=a b",
    ]


@needs_beam
@pytest.mark.parametrize(
    "text, fact",
    [
        ("--direct_num_worker=2", "--direct_num_worker=2"),
        ("--direct_num_workers=two", "two"),
        ("--direct_running_mode=fast", "multi_processing"),
        ("workers", "workers"),
        ("--runner=DataflowRunner", "DataflowRunner"),
        ("--job_name='a", "quot"),
    ],
)
def test_wrong_arguments_are_named(text, fact):
    assert fact in refusal("direct", text, None)


@needs_beam
@pytest.mark.parametrize("runner", ["spark", "flink"])
@pytest.mark.parametrize(
    "text, fact",
    [
        ("", "--job_endpoint"),
        ("--job_endpoint=localhost:1", "--environment_type"),
        (
            "--job_endpoint=localhost:1 --environment_type=DOCKER",
            "--environment_config",
        ),
        ("--job_endpoint=localhost:{} --environment_type=LOOPBACK", "UNAVAILABLE"),
    ],
)
def test_a_cluster_needs_an_address(runner, text, fact):
    text = text.format(processes.find_free_port())
    message = refusal(runner, text, None)
    assert fact in message and runner in message + f"--runner={runner}"


@needs_beam
def test_a_cluster_decides_on_workers():
    assert "--num_workers=4" in refusal("flink", "--job_endpoint=localhost:1", 4)


@needs_beam
def test_options_of_a_job_server_are_known():
    class Option:
        name = "checkpointing_interval"

    arguments = ["--checkpointing_interval=5", "--parallelism=2"]
    assert runners._parse(arguments, [Option]).parallelism == 2
    with pytest.raises(errors.UserError, match="checkpointing_interval"):
        runners._parse(arguments)
    with pytest.raises(errors.UserError, match="checkpoint=5"):
        runners._parse(["--checkpoint=5"], [Option])


def test_the_command_does_not_import_beam():
    code = (
        "import sys\n"
        "from tfrecords.commands import convert\n"
        "from tfrecords.conversion.beam import driver, worker\n"
        "assert not {'apache_beam', 'grpc'} & set(sys.modules)\n"
        "from tfrecords.conversion.beam import job_files\n"
    )
    done = processes.run_python("-c", code)
    assert done.returncode == 0, done.stderr


def test_workers_read_no_flags():
    code = (
        "import sys\n"
        "from tfrecords.conversion.beam import worker\n"
        "assert 'absl.flags' not in sys.modules\n"
    )
    done = processes.run_python("-c", code)
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
