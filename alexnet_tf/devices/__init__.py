"""Where and in which arithmetic the network runs (paper, section 3.2).

Placement       the device of each tower
make_placement  reads "GPU:0,GPU:1" and checks that the devices exist
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from alexnet_tf.devices.placement import Placement, make_placement
else:
    __getattr__ = lazy_names.make_getattr(
        __name__, placement="Placement make_placement"
    )

__all__ = ["Placement", "make_placement"]
