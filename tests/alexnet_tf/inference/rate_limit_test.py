"""Tests of `alexnet_tf.inference.rate_limit`, with a clock of their own."""

from __future__ import annotations

import sys

import pytest

from alexnet_tf.inference import rate_limit
from tfrecords import errors


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_a_client_waits_until_its_first_request_is_a_minute_old():
    clock = Clock()
    limit = rate_limit.RateLimit(2, clock)
    limit.check("a")
    clock.now += 20
    limit.check("a")
    for seconds, left in ((0, 40), (39.5, 1)):
        clock.now = 1020 + seconds
        with pytest.raises(errors.UserError, match=rf"2 images .* {left} s"):
            limit.check("a")
    clock.now = 1060
    limit.check("a")
    # The second is 40 s old; refused requests were not counted.
    with pytest.raises(errors.UserError, match=r" 20 s"):
        limit.check("a")


def test_clients_do_not_share_and_are_forgotten():
    clock = Clock()
    limit = rate_limit.RateLimit(1, clock)
    for number in range(100):
        limit.check(f"client {number}")
    with pytest.raises(errors.UserError):
        limit.check("client 7")
    clock.now += 61
    limit.check("client 7")
    assert list(limit._times) == ["client 7"]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
