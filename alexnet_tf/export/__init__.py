"""A trained network as files that other programs run.

export  writes the next version of an export
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from alexnet_tf.export.saved_model import export
else:
    __getattr__ = lazy_names.make_getattr(__name__, saved_model="export")

__all__ = ["export"]
