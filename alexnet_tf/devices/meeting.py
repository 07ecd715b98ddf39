"""Workers meet before they train: all are there, and all were started alike (ours).

The chief listens on its address. Every other worker connects, says who it is and how it
was started, and hears whether training begins. TensorFlow would wait without an end
for a worker that is missing, and would train workers of different settings.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

from alexnet_tf.devices.peers import Peers
from alexnet_tf.devices.workers import Workers, split_address
from tfrecords import errors
from tfrecords.console import progress

TIMEOUT_SECONDS = 300.0
_RETRY_SECONDS, _MARGIN_SECONDS, _LATE_SECONDS = 0.2, 5.0, 5.0
# What one worker says of itself is a few thousand bytes.
_MAX_BYTES = 1 << 20
_GREETING = "alexnet-train"


def meet(
    workers: Workers, facts: Mapping[str, Any], timeout: float = TIMEOUT_SECONDS
) -> Peers:
    """Returns once all workers are there with equal facts.

    `facts` are JSON values by name: settings, data and versions. `timeout` is in
    seconds. The connections stay open; see `Peers`.

    Raises:
      UserError: if a port is in use, a worker does not come in time or ends, or its
        facts differ from the chief's; the message names the worker, and all workers
        raise it.
    """
    if workers.count == 1:
        return Peers()
    deadline = time.monotonic() + timeout
    with _listen(workers) as server:
        if workers.is_chief:
            arrived = _receive_all(server, workers, dict(facts), deadline, timeout)
        else:
            arrived = {0: _report(workers, dict(facts), deadline, timeout)}
    return Peers(workers, arrived)


@contextlib.contextmanager
def _listen(workers: Workers) -> Iterator[socket.socket]:
    # Every worker takes its port for a moment: TensorFlow needs it next.
    host, port = split_address(workers.addresses[workers.index])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("", port))
            server.listen(workers.count)
        except OSError as error:
            raise errors.UserError(
                f"{workers.describe(workers.index)} cannot listen on port {port}: "
                f"{error.strerror}. Stop the program that uses it, or give this worker "
                "another port in every worker's list."
            ) from error
        yield server


def _receive_all(
    server: socket.socket,
    workers: Workers,
    facts: dict[str, Any],
    deadline: float,
    timeout: float,
) -> dict[int, socket.socket]:
    """The connections to all others, by worker."""
    arrived: dict[int, socket.socket] = {}
    line = progress.LiveLine()
    line.print_above(
        f"waiting up to {timeout:.0f} s for "
        + ", ".join(map(workers.describe, range(1, workers.count)))
    )
    with contextlib.ExitStack() as stack:
        problem = ""
        heard = []
        while len(arrived) < workers.count - 1:
            server.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                connection, _ = server.accept()
            except TimeoutError:
                missing = set(range(1, workers.count)) - set(arrived)
                names = ", ".join(workers.describe(i) for i in sorted(missing))
                problem = problem or (
                    f"{names} did not come within {timeout:.0f} seconds. Start the "
                    "same command for every worker, and check that they reach "
                    f"{workers.addresses[0]}."
                )
                break
            stack.enter_context(connection)
            message = _receive(connection)
            index = message.get("index")
            # A port is open to anybody; what is no worker is not answered.
            if message.get("greeting") != _GREETING or not isinstance(index, int):
                continue
            heard.append(connection)
            if found := _compare(workers, facts, index, message, arrived):
                # The others come for a moment longer, to hear why nothing begins.
                deadline = min(deadline, time.monotonic() + _LATE_SECONDS)
                problem = problem or found
            elif not problem:
                line.print_above(f"{workers.describe(index)} is there")
            arrived[index] = connection
        for connection in heard:
            with contextlib.suppress(OSError):
                _send(connection, {"problem": problem})
        if not problem:
            stack.pop_all()
            return arrived
    raise errors.UserError(problem)


def _compare(
    workers: Workers,
    facts: Mapping[str, Any],
    index: int,
    message: Mapping[str, Any],
    arrived: Mapping[int, Any],
) -> str:
    """What is wrong with a worker, as a sentence; "" if nothing is."""
    if message.get("addresses") != list(workers.addresses):
        return (
            f"worker {index} was given the workers {message.get('addresses')}, worker "
            f"0 {list(workers.addresses)}. Give every worker the same list."
        )
    if not 0 < index < workers.count or index in arrived:
        return (
            f"two processes are worker {index}. Give every worker its own "
            "--worker_index."
        )
    theirs = message.get("facts", {})
    differences = [
        f"{name}={theirs.get(name)!r} instead of {facts.get(name)!r}"
        for name in sorted({*facts, *theirs})
        if theirs.get(name) != facts.get(name)
    ]
    if not differences:
        return ""
    return (
        f"{workers.describe(index)} differs from worker 0: {'; '.join(differences)}. "
        "Start every worker with the same settings, data and versions."
    )


def _report(
    workers: Workers, facts: dict[str, Any], deadline: float, timeout: float
) -> socket.socket:
    """The connection to the chief."""
    chief = split_address(workers.addresses[0])
    progress.LiveLine().print_above(
        f"waiting up to {timeout:.0f} s for {workers.describe(0)}"
    )
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise errors.UserError(
                f"{workers.describe(0)} could not be reached within {timeout:.0f} "
                "seconds. Start it, and check its address and the network."
            )
        try:
            connection = socket.create_connection(chief, timeout=left)
            break
        except OSError:
            time.sleep(min(_RETRY_SECONDS, left))
    with contextlib.ExitStack() as stack:
        stack.enter_context(connection)
        message = {
            "greeting": _GREETING,
            "index": workers.index,
            "addresses": workers.addresses,
            "facts": facts,
        }
        with contextlib.suppress(OSError):
            _send(connection, message)
        # The chief, which may have started later, answers by its deadline.
        connection.settimeout(2 * timeout + _MARGIN_SECONDS)
        answer = _receive(connection)
        if answer.get("problem") == "":
            stack.pop_all()
            return connection
    if "problem" not in answer:
        raise errors.UserError(
            f"{workers.describe(0)} ended before all workers had come. Its own message "
            "says why."
        )
    raise errors.UserError(answer["problem"])


def _send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def _receive(connection: socket.socket) -> dict[str, Any]:
    """The next message; {} if the connection ends without one."""
    data = bytearray()
    try:
        # Byte by byte at its end: what follows belongs to `Peers`.
        while not data.endswith(b"\n") and len(data) < _MAX_BYTES:
            part = connection.recv(1)
            if not part:
                return {}
            data += part
        message = json.loads(data)
    except (OSError, ValueError):
        return {}
    return message if isinstance(message, dict) else {}
