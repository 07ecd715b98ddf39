"""One run from its first step to its last (paper, section 5).

make_kernel_image   conv1's kernels as an image (figure 3)
train_and_evaluate  trains, or resumes, the run in a workdir
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from alexnet_tf.training.diagnostics import make_kernel_image
    from alexnet_tf.training.train import train_and_evaluate
else:
    __getattr__ = lazy_names.make_getattr(
        __name__, diagnostics="make_kernel_image", train="train_and_evaluate"
    )

__all__ = ["make_kernel_image", "train_and_evaluate"]
