"""Steps and epochs: when a pass over the training split is complete.

Training images form one endless stream (see `pipeline`): step s begins at epoch
s * batch_size / num_train, and an epoch's last batch may extend into the next.
"""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class EpochCounter:
    """Converts between steps of `batch_size` images and epochs of `num_train`."""

    num_train: int
    batch_size: int

    def compute_epoch(self, step: int) -> float:
        """The position in epochs after `step` steps."""
        return step * self.batch_size / self.num_train

    def count_epochs(self, step: int) -> int:
        """The number of epochs completed after `step` steps."""
        return step * self.batch_size // self.num_train

    def count_steps(self, num_epochs: int) -> int:
        """The number of steps that complete `num_epochs` epochs."""
        return math.ceil(num_epochs * self.num_train / self.batch_size)

    def find_ended(self, step: int) -> int | None:
        """The epoch (from 1) that step number `step` (from 1) completed, or None."""
        epoch = self.count_epochs(step)
        return epoch if epoch > self.count_epochs(step - 1) else None

    def is_due(self, step: int, every_epochs: int) -> bool:
        """Whether step number `step` completed a multiple of `every_epochs`.

        A batch larger than the training split can complete several epochs at once.
        """
        before = self.count_epochs(step - 1) // every_epochs
        return self.count_epochs(step) // every_epochs > before
