"""The processes that train one network together, and which of them this one is (ours).

Each worker holds a replica of all towers and trains on its share of every batch. They
are listed once, in the same order for all: by --workers, or by the variable TF_CONFIG
that cluster managers set for TensorFlow. Worker 0 is the chief; only it writes.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping

from tfrecords import errors
from tfrecords.plurals import counted

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
# Slurm's and Kubernetes' numbers of a process among its equals.
_INDEX_VARIABLES = ("SLURM_PROCID", "JOB_COMPLETION_INDEX")
_KINDS = ("chief", "worker")


@dataclasses.dataclass(frozen=True)
class Workers:
    """All workers' addresses, "host:port", in order, and the index of this one.

    No addresses mean that this process trains alone.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0

    @property
    def count(self) -> int:
        """Number of workers, at least 1."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the run's directory."""
        return self.index == 0

    def describe(self, index: int) -> str:
        """For messages: "worker 1 (host:2222)"."""
        return f"worker {index} ({self.addresses[index]})"

    def find_share(self, batch_size: int) -> tuple[int, int]:
        """The first of this worker's images of a batch, from 0, and their number.

        Raises `UserError` unless all workers have equally many.
        """
        if batch_size % self.count:
            raise errors.UserError(
                f"batches of {batch_size} images cannot be divided equally between "
                f"{self.count} workers. Give a --config.batch_size that is a multiple "
                f"of {self.count}."
            )
        share = batch_size // self.count
        return self.index * share, share

    def find_part(self, num_records: int) -> tuple[int, int]:
        """The first of this worker's records of a split, and the end of its part.

        Parts differ by at most one record; the chief's is not empty.
        """
        first, end = (
            -(-num_records * index // self.count)
            for index in (self.index, self.index + 1)
        )
        return first, end


# A process that trains alone.
ALONE = Workers()


def split_address(address: str) -> tuple[str, int]:
    """Host and port of an address that `find_workers` accepted."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def find_workers(
    addresses: str, index: int | None, environment: Mapping[str, str]
) -> Workers:
    """The workers by the flags --workers and --worker_index, or by TF_CONFIG.

    Without the index, Slurm's or Kubernetes' variable gives it.

    Raises:
      UserError: if an address or the index is invalid, or TF_CONFIG is not understood.
    """
    if not addresses:
        if index is not None:
            raise errors.UserError(
                "--worker_index needs --workers, the addresses of all workers."
            )
        return _read_tf_config(environment.get("TF_CONFIG", ""))
    if index is None:
        index = _find_index(environment)
    listed = [part.strip() for part in addresses.split(",")]
    return _make_workers(listed, index, "--workers")


def _find_index(environment: Mapping[str, str]) -> int:
    for name in _INDEX_VARIABLES:
        if environment.get(name, "").isdecimal():
            return int(environment[name])
    raise errors.UserError(
        "--workers needs --worker_index, this worker's place in the list, from 0. "
        f"{' and '.join(_INDEX_VARIABLES)}, which could give it, are not set."
    )


def _read_tf_config(text: str) -> Workers:
    if not text:
        return Workers()
    try:
        value = json.loads(text)
        cluster, task = value["cluster"], value["task"]
        kind, index = str(task["type"]), task["index"]
        # Some managers write the index as text; 0.5 or true is a mistake.
        if isinstance(index, str):
            index = int(index)
        if type(index) is not int:
            raise TypeError(f"the index is {index!r:.40}")
        listed = dict(cluster)
        for name, addresses in listed.items():
            if not isinstance(addresses, list):
                raise TypeError(f"{name!r:.40} has {addresses!r:.40}, not a list")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise errors.UserError(
            'TF_CONFIG is not of the form {"cluster": {"worker": ["host:port", ...]}, '
            f'"task": {{"type": "worker", "index": 0}}}}: {error!r}. Correct it, or '
            "remove it to train in one process."
        ) from error
    if unknown := {*listed, kind} - set(_KINDS):
        raise errors.UserError(
            f"TF_CONFIG names tasks of the type {', '.join(sorted(unknown))}. This "
            "program has only workers, which update synchronously: name each "
            "'worker', the first one 'chief' if you like."
        )
    count = len(listed.get(kind, ()))
    if not 0 <= index < count:
        raise errors.UserError(
            f"TF_CONFIG lists {counted(count, 'task')} of the type {kind!r}, so there "
            f"is no {kind} {index}; they count from 0."
        )
    chiefs = listed.get("chief", [])
    if kind == "worker":
        index += len(chiefs)
    return _make_workers([*chiefs, *listed.get("worker", [])], index, "TF_CONFIG")


def _make_workers(addresses: list[str], index: int, source: str) -> Workers:
    for address in addresses:
        match = _ADDRESS.fullmatch(str(address))
        is_right = match and 0 < int(match[2]) < 2**16 and _is_host(match[1])
        if not is_right:
            raise errors.UserError(
                f"{source} has the address {address!r}; an address is host:port, such "
                "as 10.0.0.1:2222."
            )
    # "Node:02222" and "node:2222" are one address.
    if len({split_address(address.lower()) for address in addresses}) < len(addresses):
        raise errors.UserError(
            f"{source} names an address twice: {', '.join(addresses)}. Every worker "
            "has its own."
        )
    if not 0 <= index < len(addresses):
        raise errors.UserError(
            f"{source} lists {len(addresses)} workers, so there is no worker {index}; "
            "they count from 0."
        )
    return Workers(tuple(addresses), index)


def _is_host(host: str) -> bool:
    """Whether all parts of a name have the length of one (RFC 1035)."""
    is_number = host.startswith("[")
    return is_number or all(0 < len(part) < 64 for part in host.rstrip(".").split("."))
