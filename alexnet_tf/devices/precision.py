"""Which arithmetic a run uses, and that it gives the same bits twice."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import tensorflow as tf

from alexnet_tf.devices import precision_timing

_BFLOAT16_COMPUTE_CAPABILITY = (8, 0)
# bfloat16 has 8 bits of precision and casts the weights in every step: it has to be
# faster by more than measurements vary.
_WORTHWHILE_SPEEDUP = 1.1


@dataclasses.dataclass(frozen=True)
class Choice:
    """An arithmetic and why it is used.

    Attributes:
      precision: "float32", "mixed_bfloat16" or "mixed_float16".
      reason: a phrase for the user; "" where the setting names the arithmetic itself.
      timing: the seconds measured, as JSON values; None where nothing was measured.
    """

    precision: str
    reason: str = ""
    timing: dict[str, Any] | None = None

    def describe(self) -> str:
        """A line for the console; "" where the setting names the arithmetic itself."""
        return f"precision: {self.precision} ({self.reason})" if self.reason else ""

    def to_json(self) -> dict[str, Any] | None:
        """For a run's record; None where there is nothing to tell."""
        return dataclasses.asdict(self) if self.reason else None


def choose_precision(precision: str, recorded: str | None = None) -> Choice:
    """What the setting `precision` means on this machine.

    Args:
      precision: the setting.
      recorded: the arithmetic of the run that goes on, which "auto" keeps wherever it
        goes on; None for a new one.

    Returns:
      For "auto" without a run: "mixed_bfloat16" where the first GPU has compute
      capability 8.0 or higher (its tensor cores multiply bfloat16 at twice the rate of
      TensorFloat-32 or more), or without a GPU the processor was measured to be faster
      in bfloat16; else "float32". Any other value unchanged.
    """
    if precision != "auto":
        return Choice(precision)
    if recorded:
        return Choice(recorded, "as the run began")
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        capability = details.get("compute_capability", (0, 0))
        has_bfloat16 = capability >= _BFLOAT16_COMPUTE_CAPABILITY
        return Choice(
            "mixed_bfloat16" if has_bfloat16 else "float32",
            f"the GPU has compute capability {'.'.join(map(str, capability))}",
        )
    return _measure_processor()


@functools.cache
def _measure_processor() -> Choice:
    """The faster arithmetic; once for all runs of a process, so that they agree."""
    try:
        timing = precision_timing.measure()
        speedup = timing.speedup
    except Exception as error:  # whatever TensorFlow raises where it has no kernel
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return Choice("float32", f"bfloat16 could not be measured here ({reason})")
    is_faster = speedup >= _WORTHWHILE_SPEEDUP
    return Choice(
        "mixed_bfloat16" if is_faster else "float32",
        timing.describe(),
        timing.to_json(),
    )


def make_reproducible() -> None:
    """Has TensorFlow give the same bits for the same inputs and thread counts.

    float32 is float32: TensorFlow would otherwise round products to 10 bits of
    mantissa (TensorFloat-32) on GPUs that can. Who wants that speed has
    mixed_bfloat16.
    """
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)


def list_gpus() -> list[str]:
    """The names of the GPUs that TensorFlow sees."""
    return [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]


def read_cpu_flags() -> set[str]:
    """What Linux says that the processor can do: {"avx2", ...}; empty elsewhere.

    Not how fast it does it.
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.lower().startswith(("flags", "features")):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass  # Not Linux: nothing is known of the processor.
    return set()
