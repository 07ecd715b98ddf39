"""What a run leaves on disk, and how it is read again.

TrainedNetwork        a run's network with its settings and data summary
load_trained_network  loads it from a workdir
read_config           the settings of a run
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from alexnet_tf.runs.run_record import read_config
    from alexnet_tf.runs.trained_network import TrainedNetwork
    from alexnet_tf.runs.trained_network import load as load_trained_network
else:
    __getattr__ = lazy_names.make_getattr(
        __name__,
        trained_network="TrainedNetwork load_trained_network=load",
        run_record="read_config",
    )

__all__ = ["TrainedNetwork", "load_trained_network", "read_config"]
