"""Workers meet before they train: all are there, and all were started alike (ours).

The chief listens on its address. Every other worker connects, says who it is and how it
was started, and hears whether training begins. TensorFlow would wait without an end
for a worker that is missing, and would train workers of different settings.
"""

from __future__ import annotations

import contextlib
import json
import selectors
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
# The chief greets at once.
_GREETING_SECONDS = 30.0
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
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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
    with _Strangers(server) as strangers, contextlib.ExitStack() as stack:
        problem = ""
        heard = []
        while len(arrived) < workers.count - 1:
            found = strangers.wait_for_message(deadline)
            if found is None:
                missing = set(range(1, workers.count)) - set(arrived)
                names = ", ".join(workers.describe(i) for i in sorted(missing))
                problem = problem or (
                    f"{names} did not come within {timeout:.0f} seconds. Start the "
                    "same command for every worker, and check that they reach "
                    f"{workers.addresses[0]}."
                )
                break
            connection, message = found
            stack.enter_context(connection)
            # A port is open to anybody; what is no worker is not answered.
            if not _is_greeting(message):
                connection.close()
                continue
            index = message["index"]
            heard.append(connection)
            with contextlib.suppress(OSError):
                _send(connection, {"greeting": _GREETING})
            if difference := _compare(workers, facts, index, message, arrived):
                # The others come for a moment longer, to hear why nothing begins.
                deadline = min(deadline, time.monotonic() + _LATE_SECONDS)
                problem = problem or difference
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


class _Strangers:
    """Reads the first messages of all who connect; a silent one delays nobody.

    Connections are closed at the end, unless their message was taken.
    """

    def __init__(self, server: socket.socket):
        self._server = server
        self._said: dict[socket.socket, bytearray] = {}

    def __enter__(self) -> _Strangers:
        self._server.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ)
        return self

    def __exit__(self, *exception: object) -> None:
        self._selector.close()
        for connection in self._said:
            connection.close()

    def wait_for_message(
        self, deadline: float
    ) -> tuple[socket.socket, dict[str, Any]] | None:
        """The next connection with its first message; None after the deadline.

        The message is {} if what came is not one.
        """
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                connection: Any = key.fileobj
                if connection is self._server:
                    self._accept()
                elif (message := self._read(connection)) is not None:
                    self._selector.unregister(connection)
                    del self._said[connection]
                    return connection, message
        return None

    def _accept(self) -> None:
        # The client may have left before it was accepted.
        with contextlib.suppress(OSError):
            connection, _ = self._server.accept()
            connection.setblocking(False)
            self._said[connection] = bytearray()
            self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> dict[str, Any] | None:
        """Its message; None while the message is incomplete."""
        said = self._said[connection]
        try:
            # What follows the message belongs to `Peers`.
            part = connection.recv(_MAX_BYTES, socket.MSG_PEEK)
            said += connection.recv(part.find(b"\n") + 1 or len(part))
        except BlockingIOError:
            return None
        except OSError:
            return {}
        if part and not said.endswith(b"\n") and len(said) < _MAX_BYTES:
            return None
        connection.setblocking(True)
        return _parse(said)


def _is_greeting(message: Mapping[str, Any]) -> bool:
    return (
        message.get("greeting") == _GREETING
        and type(message.get("index")) is int
        and isinstance(message.get("facts"), dict)
    )


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
    theirs = message["facts"]
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
        _check_chief(
            _receive(connection, time.monotonic() + _GREETING_SECONDS), workers
        )
        # The chief, which may have started later, answers by its deadline.
        answer = _receive(connection, time.monotonic() + 2 * timeout + _MARGIN_SECONDS)
        if answer and answer.get("problem") == "":
            stack.pop_all()
            return connection
    if not answer or not isinstance(answer.get("problem"), str):
        raise errors.UserError(
            f"{workers.describe(0)} ended before all workers had come. Its own message "
            "says why."
        )
    raise errors.UserError(answer["problem"])


def _check_chief(message: Mapping[str, Any] | None, workers: Workers) -> None:
    """Raises `UserError` unless the chief has greeted; None: nothing was said."""
    if message is None:
        raise errors.UserError(
            f"{workers.describe(0)} closed the connection before all workers had come. "
            "Its own message says why, if it is not another program that listens there."
        )
    if message.get("greeting") != _GREETING:
        raise errors.UserError(
            f"a program other than alexnet-train answers at {workers.addresses[0]}, "
            "the address of worker 0. Stop it, or give worker 0 another port in every "
            "worker's list."
        )


def _send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def _receive(connection: socket.socket, deadline: float) -> dict[str, Any] | None:
    """The next message; None if the connection ends without one.

    {} if what came is not a message, or nothing came before the deadline.
    """
    data = bytearray()
    try:
        # Byte by byte at its end: what follows belongs to `Peers`.
        while not data.endswith(b"\n") and len(data) < _MAX_BYTES:
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            part = connection.recv(1)
            if not part:
                return _parse(data) if data else None
            data += part
            if time.monotonic() > deadline:
                return {}
    except TimeoutError:
        return {}
    except OSError:
        return None
    return _parse(data)


def _parse(data: bytes | bytearray) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
