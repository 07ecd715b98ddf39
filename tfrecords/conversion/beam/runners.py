"""Which of Beam's runners can be used, and the checks before anything is written."""

from __future__ import annotations

import importlib.util
import logging
import shlex
from collections.abc import Sequence
from typing import Any, NoReturn

from tfrecords import errors
from tfrecords.console import worker_pool

LOCAL = "local"
BEAM_RUNNERS = ("direct", "spark", "flink")
# Dataflow's machines have no file system that they share with the driver.
DATAFLOW = (
    "Dataflow is not supported: it has no shared file system, and its storage cannot "
    "rename files, by which finished shards are published. Use spark or flink."
)

_ENDPOINT_SECONDS = 10.0


def check(runner: str, text: str, num_workers: int | None) -> list[str]:
    """Checks a choice of runner; returns the arguments for Beam.

    Args:
      runner: one of `BEAM_RUNNERS`.
      text: the user's arguments, separated by spaces and quoted as for a shell.
      num_workers: of the direct runner, None for one per core; None for others.

    Raises:
      UserError: if Beam is missing, does not know an argument or lacks one, or no job
        server answers.
    """
    _check_installed(runner)
    try:
        arguments = shlex.split(text)
    except ValueError as error:
        raise errors.UserError(
            f"--beam_args={text} cannot be divided into arguments ({error}). Close the "
            "quotes."
        ) from error
    if runner == "direct":
        _parse(arguments)
        count = worker_pool.check_num_workers(num_workers)
        # Of two equal arguments the last one counts: the user's.
        defaults = [
            "--direct_running_mode=multi_processing",
            f"--direct_num_workers={count}",
        ]
        return defaults + arguments
    if num_workers is not None:
        raise errors.UserError(
            f"--num_workers={num_workers} has no effect with --runner={runner}, whose "
            "cluster decides. Leave it out; --beam_args=--parallelism=N limits Flink."
        )
    _check_job_server(runner, arguments)
    return arguments


def _check_installed(runner: str) -> None:
    if importlib.util.find_spec("tensorflow_addons") is not None:
        raise errors.UserError(
            f"--runner={runner} needs Apache Beam, which cannot be used beside "
            "TensorFlow Addons: they need different releases of protobuf. Use an "
            "environment without the extra addons, or leave out --runner."
        )
    # On import, Beam warns of optional packages that nothing here needs.
    logging.disable(logging.WARNING)
    try:
        import apache_beam  # noqa: F401
    except ImportError as error:
        raise errors.UserError(
            f"--runner={runner} needs Apache Beam ({error}). Install the extra: pip "
            "install 'alexnet-tf[beam]', or leave out --runner."
        ) from error
    finally:
        logging.disable(logging.NOTSET)


def _parse(arguments: Sequence[str], server_options: Sequence[Any] = ()) -> Any:
    """Beam's options from its arguments; raises `UserError` for a wrong one.

    `server_options` are those that a job server knows besides.
    """
    import apache_beam
    from apache_beam.options import pipeline_options

    parsers: list[Any] = []
    pipeline_options.PipelineOptions([]).get_all_options(
        add_extra_args_fn=parsers.append
    )
    (parser,) = parsers

    def refuse(message: str) -> NoReturn:
        raise errors.UserError(
            f"--beam_args is wrong: {message}. Correct it, or leave it out."
        )

    # Instead of exiting the process.
    parser.error = refuse
    options, unknown = parser.parse_known_args(list(arguments))
    of_server = {option.name for option in server_options}
    for argument in unknown:
        name = argument.partition("=")[0].removeprefix("--")
        if argument.startswith("--") and name not in of_server:
            refuse(f"Beam {apache_beam.__version__} does not know {argument}")
        if not argument.startswith("--") and not of_server:
            refuse(f"{argument!r} is not an argument of the form --name=value")
    if options.runner is not None:
        refuse(f"it names a runner, {options.runner}, which --runner does")
    return options


def _check_job_server(runner: str, arguments: Sequence[str]) -> None:
    names = [argument.partition("=")[0] for argument in arguments]
    for name, meaning in (
        ("--job_endpoint", f"--job_endpoint=HOST:PORT, where {runner}'s job server is"),
        ("--environment_type", "--environment_type=EXTERNAL|PROCESS|DOCKER|LOOPBACK"),
    ):
        if name not in names:
            raise errors.UserError(
                f"--runner={runner} needs {meaning}, in --beam_args. Add it; "
                "docs/scaling.md has whole commands."
            )
    endpoint, kind, has_config = _read_environment(arguments)
    if kind != "LOOPBACK" and not has_config:
        raise errors.UserError(
            f"--environment_type={kind} in --beam_args needs --environment_config: "
            "where this package is installed for the workers. Add it; docs/scaling.md "
            "has whole commands."
        )
    _parse(arguments, _ask_server(runner, endpoint))


def _read_environment(arguments: Sequence[str]) -> tuple[str, str, bool]:
    """The job server's address, the kind of environment, whether it is configured."""
    from apache_beam.options import pipeline_options

    options = pipeline_options.PipelineOptions(list(arguments))
    found = options.view_as(pipeline_options.PortableOptions)
    has_config = bool(found.environment_config or found.environment_options)
    return str(found.job_endpoint), str(found.environment_type).upper(), has_config


def _ask_server(runner: str, endpoint: str) -> list[Any]:
    """The options that the job server knows; raises `UserError` if none answers."""
    import grpc
    from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

    with grpc.insecure_channel(endpoint) as channel:
        stub = beam_job_api_pb2_grpc.JobServiceStub(channel)
        request = beam_job_api_pb2.DescribePipelineOptionsRequest()
        try:
            answer = stub.DescribePipelineOptions(request, timeout=_ENDPOINT_SECONDS)
        except grpc.RpcError as error:
            raise errors.UserError(
                f"no Beam job server answers at --job_endpoint={endpoint} "
                f"({error.code().name}). Start {runner}'s job server, or correct the "
                "address."
            ) from error
    return list(answer.options)
