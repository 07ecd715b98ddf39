"""From shards to batches (paper, sections 2 and 4.1).

make_evaluation_dataset  a split in order, one view or ten per image
make_image_transform     the augmentation of one image
make_training_dataset    endless shuffled and augmented batches
make_training_draws      the random crops, mirrors and colour shifts
open_data                opens a data directory
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from alexnet_tf.data.directory import open_data
    from alexnet_tf.data.pipeline import make_evaluation_dataset, make_training_dataset
    from alexnet_tf.data.random_draws import make_training_draws
    from alexnet_tf.data.training_transform import make_image_transform
else:
    __getattr__ = lazy_names.make_getattr(
        __name__,
        pipeline="make_evaluation_dataset make_training_dataset",
        training_transform="make_image_transform",
        random_draws="make_training_draws",
        directory="open_data",
    )

__all__ = [
    "make_evaluation_dataset",
    "make_image_transform",
    "make_training_dataset",
    "make_training_draws",
    "open_data",
]
