"""Tests of `devices.workers`: lists of workers, and their shares of the work."""

from __future__ import annotations

import json
import sys

import pytest

from alexnet_tf.devices.workers import ALONE, Workers, find_workers, split_address
from tfrecords import errors

TWO = ("a.example:1", "[::1]:65535")
BOTH = {"chief": ["a:1"], "worker": ["b:1"]}


def make_config(cluster, kind="worker", index=0):
    task = {"type": kind, "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


def test_flags_list_the_workers():
    assert find_workers("a.example:1, [::1]:65535", 1, {}) == Workers(TWO, 1)
    assert not Workers(TWO, 1).is_chief and Workers(TWO).is_chief
    assert split_address(TWO[1]) == ("::1", 65535)
    assert find_workers("", None, {}) == ALONE
    assert ALONE.count == 1 and ALONE.is_chief


@pytest.mark.parametrize("name", ["SLURM_PROCID", "JOB_COMPLETION_INDEX"])
def test_a_cluster_manager_gives_the_index(name):
    assert find_workers(",".join(TWO), None, {name: "1"}).index == 1
    assert find_workers(",".join(TWO), 0, {name: "1"}).index == 0


def test_tf_config_lists_the_workers():
    assert find_workers("", None, make_config({"worker": TWO}, index=1)) == Workers(
        TWO, 1
    )
    both = {"chief": TWO[:1], "worker": TWO[1:]}
    assert find_workers("", None, make_config(both)) == Workers(TWO, 1)
    assert find_workers("", None, make_config(both, "chief")) == Workers(TWO, 0)
    # The flags say more than the environment.
    flags = find_workers(",".join(TWO), 0, make_config({"worker": ["b:1"]}))
    assert flags == Workers(TWO, 0)


@pytest.mark.parametrize(
    "addresses, index, environment, facts",
    [
        ("a:1,b:2", 2, {}, ["no worker 2", "2 workers"]),
        ("a:1,b:2", -1, {}, ["no worker -1"]),
        ("a:1,b:2", None, {}, ["--worker_index", "SLURM_PROCID"]),
        ("", 1, {}, ["--worker_index", "--workers"]),
        ("a:1,b", 0, {}, ["'b'", "host:port"]),
        ("a:1,b:70000", 0, {}, ["'b:70000'"]),
        ("a:1,a:1", 0, {}, ["twice", "a:1"]),
        ("", None, {"TF_CONFIG": "{"}, ["TF_CONFIG", '"worker"']),
        ("", None, {"TF_CONFIG": '{"cluster": {}}'}, ["TF_CONFIG", "task"]),
        ("", None, {"TF_CONFIG": "[]"}, ["TF_CONFIG"]),
        ("", None, make_config({"worker": ["a:1"], "ps": ["b:1"]}), ["ps"]),
        ("", None, make_config({"worker": ["a:1"]}, "evaluator"), ["evaluator"]),
        ("", None, make_config({"worker": ["a:1"]}, index=1), ["no worker 1"]),
        # Two ways to write one address.
        ("node:1,NODE:01", 0, {}, ["twice"]),
        ("a:1\n,b:2\nc", 0, {}, ["host:port"]),
        ("a..b:1,c:2", 1, {}, ["'a..b:1'", "host:port"]),
        (f"{'a' * 64}:1,c:2", 1, {}, ["host:port"]),
        ("a:\u0661,b:2", 0, {}, ["host:port"]),
        # A chief is not the first worker, nor is what precedes it.
        ("", None, make_config(BOTH, "chief", 1), ["no chief 1"]),
        ("", None, make_config(BOTH, "worker", -1), ["no worker -1"]),
        ("", None, make_config({"worker": ["a:1"]}, "chief"), ["no chief 0"]),
        ("", None, make_config({"worker": "a:1"}), ["'a:1'", "not a list"]),
        ("", None, make_config({"worker": {"0": "a:1"}}), ["not a list"]),
        ("", None, make_config({"worker": ["a:1"]}, index=0.5), ["index is 0.5"]),
        ("", None, make_config({"worker": ["a:1"]}, index=True), ["index is True"]),
        ("", None, make_config({"worker": ["a:1"]}, index=1e999), ["index is inf"]),
        ("", None, make_config({"worker": ["a:1"]}, ["worker"]), ["type"]),
        ("", None, make_config({"worker": [["a:1"]]}), ["host:port"]),
        ("", None, {"TF_CONFIG": "[" * 100_000}, ["TF_CONFIG"]),
    ],
)
def test_wrong_lists_are_refused(addresses, index, environment, facts):
    with pytest.raises(errors.UserError) as caught:
        find_workers(addresses, index, environment)
    for fact in facts:
        assert fact in str(caught.value)


def test_shares_of_a_batch_are_equal_and_cover_it():
    shares = [Workers(("a:1", "b:1", "c:1"), i).find_share(12) for i in range(3)]
    assert shares == [(0, 4), (4, 4), (8, 4)]
    assert ALONE.find_share(7) == (0, 7)
    with pytest.raises(errors.UserError, match=r"10 images.*3 workers.*multiple of 3"):
        Workers(("a:1", "b:1", "c:1")).find_share(10)


@pytest.mark.parametrize("num_records", [0, 1, 2, 3, 10, 11])
def test_parts_of_a_split_cover_it_once(num_records):
    parts = [
        Workers(("a:1", "b:1", "c:1"), index).find_part(num_records)
        for index in range(3)
    ]
    records = [record for first, end in parts for record in range(first, end)]
    assert records == list(range(num_records))
    sizes = [end - first for first, end in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sizes[0] > 0 or not num_records


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
