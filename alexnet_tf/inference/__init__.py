"""Images in, classes out.

find_images     the image files in files, folders and patterns
make_predictor  predicts with a `TrainedNetwork`
open_export     predicts with an export
predict_files   a `Prediction` for each file
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from alexnet_tf.inference.predict import (
        find_images,
        make_predictor,
        open_export,
        predict_files,
    )
else:
    __getattr__ = lazy_names.make_getattr(
        __name__, predict="find_images make_predictor open_export predict_files"
    )

__all__ = ["find_images", "make_predictor", "open_export", "predict_files"]
