"""Notices within a second that another worker is gone (ours).

The connections on which the workers met stay open. A worker that ends well says
goodbye; one that is killed does not, and the system closes its connection. TensorFlow
may notice only after its heartbeats stop, and waits until then where Python cannot
interrupt it: a worker that is still waiting after a few seconds ends here.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import sys
import threading
from collections.abc import Mapping

from alexnet_tf.devices.workers import ALONE, Workers
from tfrecords import errors

# For TensorFlow to notice, too, and for the error to be raised and reported.
_GRACE_SECONDS = 2.0
_GOODBYE = b"!"


class Peers:
    """Watches the other workers, from its creation until `close`.

    `connections` are those that are open, by worker: to all for the chief, to the chief
    for the others.
    """

    def __init__(
        self,
        workers: Workers = ALONE,
        connections: Mapping[int, socket.socket] | None = None,
    ):
        self._workers = workers
        self._connections = dict(connections or {})
        self._lost: int | None = None
        self._is_lost, self._is_closed = threading.Event(), threading.Event()
        if self._connections:
            selector = selectors.DefaultSelector()
            for index, connection in self._connections.items():
                connection.setblocking(True)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                selector.register(connection, selectors.EVENT_READ, index)
            threading.Thread(target=self._watch, args=(selector,), daemon=True).start()

    def explain(self, seconds: float = 1.0) -> str:
        """Says which worker was lost; waits for the news for so many seconds."""
        self._is_lost.wait(seconds)
        name = "another worker"
        if self._lost is not None:
            name = self._workers.describe(self._lost)
        return (
            f"{name} stopped or cannot be reached. Run the same command again for "
            "every worker to resume from the last checkpoint."
        )

    def close(self, says_goodbye: bool = True) -> None:
        """Ends watching; without a goodbye, the other workers stop."""
        self._is_closed.set()
        for connection in self._connections.values():
            with contextlib.suppress(OSError):
                if says_goodbye:
                    connection.sendall(_GOODBYE)
                # The thread closes them.
                connection.shutdown(socket.SHUT_RDWR)

    def _watch(self, selector: selectors.BaseSelector) -> None:
        with contextlib.ExitStack() as stack:
            for connection in self._connections.values():
                stack.enter_context(connection)
            stack.enter_context(selector)
            while selector.get_map() and not self._is_closed.is_set():
                for key, _ in selector.select(timeout=0.2):
                    message = b""
                    with contextlib.suppress(OSError):
                        message = key.fileobj.recv(16)  # type: ignore[union-attr]
                    if not message.startswith(_GOODBYE):
                        # The chief passes on the index of the worker that it lost.
                        lost = int(message) if message.isdigit() else key.data
                        if not self._is_closed.is_set():
                            self._end(lost)
                        return
                    selector.unregister(key.fileobj)

    def _end(self, index: int) -> None:
        self._lost = index
        self._is_lost.set()
        for other, connection in self._connections.items():
            if self._workers.is_chief and other != index:
                with contextlib.suppress(OSError):
                    connection.sendall(str(index).encode())
        if not self._is_closed.wait(_GRACE_SECONDS):
            print(f"\n{self.explain(0)}", file=sys.stderr, flush=True)
            # All files are whole at any moment, as after a kill.
            os._exit(errors.PeerError.exit_code)
