"""The paper's figures.

draw_panels  images with their five most probable classes (figure 4)
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from alexnet_tf.figures.panels import draw_panels
else:
    __getattr__ = lazy_names.make_getattr(__name__, panels="draw_panels")

__all__ = ["draw_panels"]
