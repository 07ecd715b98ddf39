"""Chooses a run's precision, and makes results reproducible bit for bit."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import tensorflow as tf

from alexnet_tf.devices import precision_timing

_BFLOAT16_COMPUTE_CAPABILITY = (8, 0)
# bfloat16 has 8 bits of precision and casts the weights in every step, so it must be
# faster by more than the variation of measurements.
_WORTHWHILE_SPEEDUP = 1.1


@dataclasses.dataclass(frozen=True)
class Choice:
    """A precision and the reason for it."""

    precision: str  # "float32", "mixed_bfloat16" or "mixed_float16"
    reason: str = ""  # a phrase for the user; "" if the setting names the precision
    # The measured seconds, as JSON values; None if nothing was measured.
    timing: dict[str, Any] | None = None

    def describe(self) -> str:
        """A line for the console; "" if the setting names the precision."""
        return f"precision: {self.precision} ({self.reason})" if self.reason else ""

    def to_json(self) -> dict[str, Any] | None:
        """The choice for a run's record; None if the setting names the precision."""
        return dataclasses.asdict(self) if self.reason else None


def choose_precision(precision: str, recorded: str | None = None) -> Choice:
    """Resolves the setting `precision` on this machine.

    "auto" keeps the precision `recorded` for a resumed run. In a new run it becomes
    "mixed_bfloat16" if the first GPU has compute capability 8.0 or higher (its tensor
    cores multiply bfloat16 at least twice as fast as TensorFloat-32), or if there is no
    GPU and the CPU was measured to be faster in bfloat16; else "float32". Any other
    value is returned unchanged.
    """
    if precision != "auto":
        return Choice(precision)
    if recorded:
        return Choice(recorded, "as at the start of the run")
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
    """Measures the faster precision, once per process, so that all its runs agree."""
    try:
        timing = precision_timing.measure()
        speedup = timing.speedup
    except Exception as error:  # TensorFlow may raise any type if it has no kernel
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return Choice("float32", f"bfloat16 could not be measured here ({reason})")
    is_faster = speedup >= _WORTHWHILE_SPEEDUP
    return Choice(
        "mixed_bfloat16" if is_faster else "float32",
        timing.describe(),
        dataclasses.asdict(timing),
    )


def set_reproducible(is_reproducible: bool) -> None:
    """Chooses whether TensorFlow gives the same bits for the same inputs and threads.

    If it does, it uses deterministic operations, which are slower on GPUs, for the rest
    of the process, and no TensorFloat-32, with which GPUs round the inputs of float32
    products to 10 bits of mantissa. If not, it may use both.
    """
    if is_reproducible:
        tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(not is_reproducible)


def list_gpus() -> list[str]:
    """The names of the GPUs that TensorFlow sees."""
    return [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]


def read_cpu_flags() -> set[str]:
    """The CPU's instruction sets according to Linux: {"avx2", ...}; empty elsewhere.

    They do not tell how fast the instructions are.
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.lower().startswith(("flags", "features")):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass  # Not Linux: the instruction sets are unknown.
    return set()
