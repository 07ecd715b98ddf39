"""Reads a data directory of 50 shards in a process that may open few files.

  python -m tests.programs.read_many_shards DATA_DIR

Two splits are read at a time; at last there is room for one shard and nothing else.
"""

from __future__ import annotations

import os
import resource
import sys


def main(data_dir: str) -> None:
    """Prints how many records were read."""
    from tfrecords.shards import manifest, record_index, record_reader

    info = manifest.read_manifest(data_dir)
    index = record_index.read_index(data_dir, info, "train")
    readers = [record_reader.RecordReader(index) for _ in range(2)]
    num_read = 0
    for record_id in range(50):
        for reader in readers:
            num_read += len(reader.read(record_id)) == index.length[record_id]
    for reader in readers:
        reader.close()
    readers[0].read(0)
    try:
        while True:
            os.open("/dev/null", os.O_RDONLY)
    except OSError:
        pass
    for record_id in range(50):
        num_read += len(readers[0].read(record_id)) == index.length[record_id]
    print(num_read)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    main(sys.argv[1])
