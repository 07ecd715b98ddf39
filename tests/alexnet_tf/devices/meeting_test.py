"""Tests of `devices.meeting` and `devices.peers`: workers as threads on loopback."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import threading
import time
from concurrent import futures

import pytest

from alexnet_tf.devices import meeting, peers
from alexnet_tf.devices.workers import ALONE, Workers
from tests import processes
from tfrecords import errors

FACTS = {"--config.batch_size": 8, "the data's fingerprint": "f"}


def find_addresses(count):
    return tuple(f"127.0.0.1:{processes.find_free_port()}" for _ in range(count))


def meet_all(addresses, facts, timeout=20.0, indices=None):
    """What each worker's meeting gave or raised."""

    def meet(index):
        try:
            return meeting.meet(Workers(addresses, index), facts[index], timeout)
        except errors.UserError as error:
            return error

    indices = range(len(addresses)) if indices is None else indices
    with futures.ThreadPoolExecutor(len(addresses)) as pool:
        return list(pool.map(meet, indices))


@pytest.fixture(autouse=True)
def exits(monkeypatch):
    """The exit codes of workers that ended themselves."""
    codes = []
    monkeypatch.setattr(peers, "_GRACE_SECONDS", 0.2)
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


def connect(address):
    """A stranger's connection, as soon as somebody listens."""
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(meeting.split_address(address), timeout=20)


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_workers_that_are_alike_meet_and_part(exits, capsys):
    addresses = find_addresses(3)
    found = meet_all(addresses, [FACTS] * 3)
    # Nobody waits without knowing for whom.
    messages = capsys.readouterr().err
    assert f"worker 1 ({addresses[1]}), worker 2 ({addresses[2]})" in messages
    assert f"worker 2 ({addresses[2]}) is there" in messages
    assert messages.count(f"s for worker 0 ({addresses[0]})") == 2
    assert all(isinstance(value, peers.Peers) for value in found)
    for value in found:
        value.close()
    time.sleep(0.6)
    assert exits == []
    assert threading.active_count() < 10


def test_meeting_and_parting_leaves_no_file_open():
    def count():
        return len(os.listdir("/proc/self/fd"))

    before = count()
    meeting.meet(ALONE, FACTS)
    assert count() == before
    for value in meet_all(find_addresses(2), [FACTS] * 2):
        value.close()
    wait_for(lambda: count() == before)


def test_what_differs_is_named_to_all():
    addresses = find_addresses(3)
    other = {**FACTS, "--config.batch_size": 16}
    for error in meet_all(addresses, [FACTS, FACTS, other]):
        assert isinstance(error, errors.UserError)
        for fact in ("worker 2", addresses[2], "--config.batch_size", "16", "8"):
            assert fact in str(error)
        assert "fingerprint" not in str(error)


def test_what_differs_is_named_to_a_worker_that_comes_later():
    addresses = find_addresses(3)
    other = {**FACTS, "--config.batch_size": 16}
    with futures.ThreadPoolExecutor(3) as pool:

        def meet(index, facts):
            with pytest.raises(errors.UserError, match=r"worker 2 .* differs"):
                meeting.meet(Workers(addresses, index), facts, 20.0)

        early = [pool.submit(meet, 0, FACTS), pool.submit(meet, 2, other)]
        time.sleep(1.0)
        for done in [*early, pool.submit(meet, 1, FACTS)]:
            done.result()


def test_a_worker_that_is_missing_is_named():
    addresses = find_addresses(3)
    found = meet_all(addresses, [FACTS] * 3, timeout=1.0, indices=(0, 1))
    for error in found:
        assert "worker 2" in str(error) and addresses[2] in str(error)
        assert "worker 1" not in str(error)
    (error,) = meet_all(addresses, [FACTS] * 3, timeout=0.5, indices=(1,))
    assert "worker 0" in str(error) and addresses[0] in str(error)


def test_two_processes_are_not_one_worker():
    found = meet_all(find_addresses(3), [FACTS] * 3, timeout=5.0, indices=(0, 1, 1))
    # One of the two cannot listen on the port, or the chief refuses it.
    assert any("port" in str(e) or "two processes" in str(e) for e in found)
    assert all(isinstance(e, errors.UserError) for e in found)


def test_lists_of_other_workers_are_refused():
    first, second = find_addresses(2), find_addresses(2)

    def meet(addresses, index):
        with pytest.raises(errors.UserError, match="same list"):
            meeting.meet(Workers(addresses, index), FACTS, 10.0)

    with futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(meet, (first, (first[0], second[1])), (0, 1)))


def test_a_port_in_use_is_named():
    addresses = find_addresses(2)
    port = int(addresses[0].rpartition(":")[2])
    with (
        socket.create_server(("", port)),
        pytest.raises(errors.UserError, match=f"worker 0.*port {port}"),
    ):
        meeting.meet(Workers(addresses), FACTS, 1.0)


def test_strangers_do_not_disturb_the_meeting():
    addresses = find_addresses(2)
    chief = meeting.split_address(addresses[0])

    def disturb():
        for data in (b"GET / HTTP/1.1\r\n\r\n\n", b"[]\n", b'{"index": 1}\n', b""):
            while True:
                with contextlib.suppress(OSError):
                    with socket.create_connection(chief, timeout=1) as stranger:
                        stranger.sendall(data)
                    break

    thread = threading.Thread(target=disturb, daemon=True)
    with futures.ThreadPoolExecutor(2) as pool:
        workers = [Workers(addresses, index) for index in (0, 1)]
        first = pool.submit(meeting.meet, workers[0], FACTS, 20.0)
        thread.start()
        thread.join()
        second = pool.submit(meeting.meet, workers[1], FACTS, 20.0)
        for value in (first.result(), second.result()):
            value.close()


@pytest.mark.parametrize("index", [1, True, "1", None, 0.0])
def test_half_a_greeting_is_no_worker(index):
    addresses = find_addresses(2)
    greeting = {"greeting": "alexnet-train", "index": index, "addresses": addresses}

    def disturb():
        with connect(addresses[0]) as stranger:
            stranger.sendall(json.dumps({**greeting, "facts": [FACTS]}).encode())
            stranger.sendall(b"\n")
            assert not stranger.recv(1)

    with futures.ThreadPoolExecutor(2) as pool:
        chief = pool.submit(meeting.meet, Workers(addresses), FACTS, 20.0)
        pool.submit(disturb).result()
        second = pool.submit(meeting.meet, Workers(addresses, 1), FACTS, 20.0)
        for value in (chief.result(), second.result()):
            value.close()


@pytest.mark.parametrize("data", [b"", b'{"greeting": "ale'])
def test_a_silent_stranger_delays_nobody(data):
    addresses = find_addresses(3)
    with futures.ThreadPoolExecutor(3) as pool:
        chief = pool.submit(meeting.meet, Workers(addresses), FACTS, 20.0)
        with connect(addresses[0]) as stranger:
            stranger.sendall(data)
            others = [
                pool.submit(meeting.meet, Workers(addresses, index), FACTS, 20.0)
                for index in (1, 2)
            ]
            for value in (chief, *others):
                value.result().close()
            # It is left, without an answer.
            with contextlib.suppress(ConnectionResetError):
                assert not stranger.recv(1)


def test_a_silent_stranger_is_not_waited_for():
    addresses = find_addresses(2)
    with futures.ThreadPoolExecutor(1) as pool:
        chief = pool.submit(meeting.meet, Workers(addresses), FACTS, 1.0)
        with (
            connect(addresses[0]),
            pytest.raises(errors.UserError, match=r"worker 1 .* did not come"),
        ):
            chief.result(timeout=20)


@pytest.mark.parametrize(
    "data, fact",
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "a program other than alexnet-train"),
        (b'{"problem": ""}\n', "a program other than alexnet-train"),
        (b"\xff" * 100, "a program other than alexnet-train"),
        (b"[" * 100_000 + b"\n", "a program other than alexnet-train"),
        (b"", "closed the connection"),
        (None, "a program other than alexnet-train"),
    ],
)
def test_another_program_at_the_chiefs_address_is_named(monkeypatch, data, fact):
    monkeypatch.setattr(meeting, "_GREETING_SECONDS", 0.5)
    addresses = find_addresses(2)
    with socket.create_server(meeting.split_address(addresses[0])) as server:

        def answer():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(1 << 16)
                # None: a byte now and then, and no end.
                for _ in range(0 if data is not None else 20):
                    connection.sendall(b" ")
                    time.sleep(0.1)
                connection.sendall(data or b"")

        with futures.ThreadPoolExecutor(1) as pool:
            pool.submit(answer)
            with pytest.raises(errors.UserError, match=fact) as caught:
                meeting.meet(Workers(addresses, 1), FACTS, 5.0)
    assert "worker 0" in str(caught.value) and addresses[0] in str(caught.value)


def test_a_machine_without_ipv6_says_so(monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(errors.UserError, match=r"worker 0.*not supported"):
        meeting.meet(Workers(("[::1]:2222", "[::1]:2223")), FACTS, 1.0)


@pytest.mark.parametrize("lost", [0, 2])
def test_a_lost_worker_ends_the_others_which_name_it(exits, capsys, lost):
    addresses = find_addresses(3)
    found = meet_all(addresses, [FACTS] * 3)
    # As if the process were killed: no goodbye.
    found[lost].close(says_goodbye=False)
    others = [value for index, value in enumerate(found) if index != lost]
    for value in others:
        text = value.explain(5.0)
        assert f"worker {lost} ({addresses[lost]})" in text and "resume" in text
    # Nobody leaves by itself here, so both end themselves.
    wait_for(lambda: len(exits) == 2)
    assert exits == [errors.PeerError.exit_code] * 2 == [6, 6]
    assert f"worker {lost}" in capsys.readouterr().err


def test_a_worker_that_leaves_in_time_is_not_ended(exits):
    found = meet_all(find_addresses(2), [FACTS] * 2)
    found[1].close(says_goodbye=False)
    found[0].explain(5.0)
    found[0].close(says_goodbye=False)
    time.sleep(0.6)
    assert exits == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
