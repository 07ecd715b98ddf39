"""The update rule and its learning rates (paper, section 5).

MomentumOptimizer  the paper's update rule
make_schedule      the learning rates of a run, epoch by epoch
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from alexnet_tf.optimization.momentum import MomentumOptimizer
    from alexnet_tf.optimization.schedule import make_schedule
else:
    __getattr__ = lazy_names.make_getattr(
        __name__, momentum="MomentumOptimizer", schedule="make_schedule"
    )

__all__ = ["MomentumOptimizer", "make_schedule"]
