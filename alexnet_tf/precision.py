"""Which arithmetic a run uses, and that it gives the same bits twice."""

from __future__ import annotations

import tensorflow as tf

# What Linux calls the instructions: AVX-512 and AMX on x86, FEAT_BF16 on Arm.
_BFLOAT16_CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
_BFLOAT16_COMPUTE_CAPABILITY = (8, 0)


def resolve_precision(precision: str) -> str:
    """The setting `precision` with "auto" resolved for this machine.

    Returns:
      "mixed_bfloat16" where the first GPU (compute capability 8.0 on), or without one
      the processor, multiplies bfloat16 in hardware, else "float32"; any other value
      unchanged.
    """
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        capability = details.get("compute_capability", (0, 0))
        has_bfloat16 = capability >= _BFLOAT16_COMPUTE_CAPABILITY
    else:
        has_bfloat16 = bool(read_cpu_flags() & _BFLOAT16_CPU_FLAGS)
    return "mixed_bfloat16" if has_bfloat16 else "float32"


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
    """What Linux says that the processor can do: {"avx2", ...}; empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.lower().startswith(("flags", "features")):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass  # Not Linux: nothing is known of the processor.
    return set()
