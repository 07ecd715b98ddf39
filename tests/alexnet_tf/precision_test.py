"""What auto becomes, by the processor's and the GPU's abilities."""

import builtins
import io
import sys
import types

import pytest
import tensorflow as tf

from alexnet_tf import precision
from tests import processes

X86 = "flags\t\t: fpu vme avx512f {} sse\n"
ARM = "Features\t: fp asimd {} crc32\n"


def set_machine(monkeypatch, cpuinfo, capability=None):
    """A machine with this /proc/cpuinfo (None: none) and perhaps a GPU."""
    gpus = [] if capability is None else [types.SimpleNamespace(name="GPU:0")]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: gpus)
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        lambda gpu: {"compute_capability": capability, "device_name": "A card"},
    )
    real_open = builtins.open

    def fake_open(path, *args, **kwargs):
        if path != "/proc/cpuinfo":
            return real_open(path, *args, **kwargs)
        if cpuinfo is None:
            raise FileNotFoundError(path)
        return io.StringIO("processor : 0\n" + cpuinfo)

    monkeypatch.setattr(builtins, "open", fake_open)


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (X86.format("avx512_bf16"), "mixed_bfloat16"),
        (X86.format("amx_bf16 amx_tile"), "mixed_bfloat16"),
        (ARM.format("bf16"), "mixed_bfloat16"),
        (X86.format("avx2"), "float32"),
        (ARM.format("fphp"), "float32"),
        ("", "float32"),
        (None, "float32"),
    ],
)
def test_auto_asks_the_processor(monkeypatch, cpuinfo, expected):
    set_machine(monkeypatch, cpuinfo)
    assert precision.resolve_precision("auto") == expected


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ((7, 5), "float32"),
        ((8, 0), "mixed_bfloat16"),
        ((9, 0), "mixed_bfloat16"),
        ((10, 0), "mixed_bfloat16"),
    ],
)
def test_auto_asks_the_gpu_first(monkeypatch, capability, expected):
    set_machine(monkeypatch, X86.format("avx512_bf16"), capability)
    assert precision.resolve_precision("auto") == expected
    assert precision.list_gpus() == ["A card"]


@pytest.mark.parametrize("given", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_any_other_value_stands(monkeypatch, given):
    set_machine(monkeypatch, X86.format("avx512_bf16"), (9, 0))
    assert precision.resolve_precision(given) == given


def test_make_reproducible_makes_unseeded_draws_an_error():
    script = (
        "import tensorflow as tf\n"
        "from alexnet_tf import precision\n"
        "precision.make_reproducible()\n"
        "try:\n"
        "    tf.random.normal([1])\n"
        "except RuntimeError:\n"
        "    print('deterministic')\n"
        "print(tf.config.experimental.tensor_float_32_execution_enabled())"
    )
    # In a process of its own: it cannot be taken back everywhere.
    done = processes.run_python("-c", script)
    assert done.stdout.split() == ["deterministic", "False"], done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
