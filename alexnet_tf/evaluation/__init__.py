"""Error rates by one view or ten (paper, sections 4.1 and 6).

evaluate_checkpoint  evaluates a run's checkpoint on a split
format_report        a report as text
make_report          the errors, by class too, as JSON values
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from alexnet_tf.evaluation.evaluate import evaluate_checkpoint
    from alexnet_tf.evaluation.report import format_report, make_report
else:
    __getattr__ = lazy_names.make_getattr(
        __name__,
        evaluate="evaluate_checkpoint",
        report="format_report make_report",
    )

__all__ = ["evaluate_checkpoint", "format_report", "make_report"]
