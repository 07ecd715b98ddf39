"""The data set on disk: records, shards, index, statistics, manifest.

decode_record    the image and labels of a record
read_manifest    splits, classes and shards of a data directory
read_statistics  mean image and RGB covariance
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from tfrecords.shards.manifest import read_manifest
    from tfrecords.shards.schema import decode_record
    from tfrecords.shards.statistics import read_statistics
else:
    __getattr__ = lazy_names.make_getattr(
        __name__,
        schema="decode_record",
        manifest="read_manifest",
        statistics="read_statistics",
    )

__all__ = ["decode_record", "read_manifest", "read_statistics"]
