"""Finds a shard that was copied over another, if the index has no checksums.

Raw shards have equal sizes, so a copy fits the manifest's sizes and counts. The first
records of all shards are compared, which costs 16 bytes of reading per shard; if two
are equal, SHA-256 tells which shard is wrong. `alexnet-verify` finds the rest: records
that were swapped or repeated within shards.
"""

from __future__ import annotations

import os

from tfrecords import errors, limits
from tfrecords.durable import files
from tfrecords.shards import manifest, record_file


def refuse(records_dir: str, contents: manifest.Manifest, split: str) -> None:
    """Looks at the shards of `split` and at other splits' shards of the same size.

    Missing shards are skipped: `record_index` reports them. Raises `DataError` naming
    the shard of `split` that is not the manifest's, and the one whose first record it
    has.
    """
    own = contents.splits[split].shards
    sizes = {shard.num_bytes for shard in own if shard.num_records}
    others = [
        shard
        for name, info in contents.splits.items()
        if name != split
        for shard in info.shards
    ]
    seen: dict[tuple[int, bytes], manifest.ShardInfo] = {}
    for shard in [*own, *others]:
        if shard.num_bytes not in sizes:
            continue
        try:
            first = _read_frame(os.path.join(records_dir, shard.name))
        except OSError as error:
            limits.refuse(error)
            continue
        other = seen.setdefault((shard.num_bytes, first), shard)
        if other.sha256 == shard.sha256:
            continue
        for suspect, double in ((shard, other), (other, shard)):
            path = os.path.join(records_dir, suspect.name)
            if suspect in own and files.compute_digest(path) != suspect.sha256:
                raise errors.DataError(
                    f"the shard {path} is not the one that the manifest names "
                    f"(SHA-256): it begins with the same record as {double.name}, so "
                    "one was copied over the other. Run alexnet-verify, then restore "
                    "the shard from a copy or convert again."
                )


def _read_frame(path: str) -> bytes:
    """Header and checksum of the first record, which identify it."""
    with open(path, "rb", buffering=0) as file:
        header = os.pread(file.fileno(), record_file.HEADER_BYTES, 0)
        length = int.from_bytes(header[:8], "little")
        end = record_file.HEADER_BYTES + length
        if end >= os.fstat(file.fileno()).st_size:
            return header  # Damaged: reading will report it.
        return header + os.pread(file.fileno(), record_file.FOOTER_BYTES, end)
