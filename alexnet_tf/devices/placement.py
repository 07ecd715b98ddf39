"""Which device each tower lives on, and how a layer is run there.

The paper spreads the network over two GPUs: one tower each, which exchange their maps
in a few layers only (section 3.5). A `tf.device` scope around a Keras layer's
construction places its variables but not its work: the functional model runs the
layer later, outside the scope. So every layer enters its scope whenever it is called.
The backward pass follows if the gradients are made by `tf.gradients`, which puts each
gradient op beside its forward op; `tf.GradientTape` does not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Sequence

import tensorflow as tf

from tfrecords import errors

_DEVICE = re.compile(r"^/?(?:device:)?(CPU|GPU):(\d{1,2})$", re.IGNORECASE)

# How the operating system's reasons stand in TensorFlow's errors.
_NO_ROOM = re.compile("No space left on device|quota exceeded", re.IGNORECASE)
_NODE = re.compile(r"^\{\{.*?\}\} ?")
# Allocators that fail beside TensorFlow's own: an InternalError, or of another kind.
_NO_MEMORY = re.compile(
    r"out of memory|\bOOM\b|bad_alloc|failed to allocate|cannot allocate memory",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class Placement:
    """The device of each tower.

    Attributes:
      devices: one name per tower ("/device:GPU:0"), or () where TensorFlow chooses.
        Tower a's device also holds the last layer, the loss and the scalars.
    """

    devices: tuple[str, ...] = ()

    def get_device(self, tower: int) -> str | None:
        """The device of tower 0 (a), 1 (b), ...; None where TensorFlow chooses."""
        return self.devices[tower % len(self.devices)] if self.devices else None

    def describe(self) -> str:
        """For the console: "tower a on GPU:0, tower b on GPU:1"."""
        if not self.devices:
            return "on the device that TensorFlow chooses"
        short = [device.removeprefix("/device:") for device in self.devices]
        if len(short) == 1:
            return f"on {short[0]}"
        return ", ".join(
            f"tower {'ab'[tower]} on {device}" for tower, device in enumerate(short)
        )


def scope(device: str | None) -> contextlib.AbstractContextManager:
    """The `tf.device` scope of `device`; no scope for None."""
    return tf.device(device) if device else contextlib.nullcontext()


@contextlib.contextmanager
def memory_errors(setting: str) -> Iterator[None]:
    """Turns a lack of memory into a sentence.

    TensorFlow raises the same error for a full disk, which is told apart.

    Args:
      setting: what to make smaller: "--config.batch_size".

    Raises:
      DeviceMemoryError: where a device or the process has too little memory for what
        runs inside.
      StorageError: where the disk is full.
    """
    try:
        yield
    except (tf.errors.OpError, MemoryError) as error:
        text = _NODE.sub("", getattr(error, "message", "") or str(error))
        reason = text.splitlines() or [""]
        if isinstance(error, tf.errors.OpError):
            is_exhausted = isinstance(error, tf.errors.ResourceExhaustedError)
            if is_exhausted and _NO_ROOM.search(error.message):
                raise errors.StorageError(
                    f"a file could not be written: {reason[0]}. What was finished "
                    "before is intact; make room and run the same command again."
                ) from error
            if not is_exhausted and not _NO_MEMORY.search(error.message):
                raise
        raise errors.DeviceMemoryError(
            f"a device has too little memory for this network and batch. Give a "
            f"smaller {setting}, or end what else runs there. The reason: "
            f"{reason[0] or type(error).__name__}"
        ) from error


def make_placement(devices: str | Sequence[str], num_towers: int = 2) -> Placement:
    """Checks that there are the devices which the setting `devices` names.

    Args:
      devices: "auto" (two GPUs where there are two, else one device), or one or two
        of "GPU:0", "CPU:1" and so on, or a text that names them separated by a comma.
        CPU:1 is a second logical device of the same processor; it is made here, which
        must happen before TensorFlow has used the first.
      num_towers: of the network; one tower has one device.

    Raises:
      UserError: for a name that is none, a device named twice, more devices than
        towers, or one that does not exist, with a list of those that do.
    """
    num_gpus = len(tf.config.list_physical_devices("GPU"))
    names = devices.split(",") if isinstance(devices, str) else devices
    names, text = [name.strip() for name in names], ",".join(names)
    if names == ["auto"]:
        has_pair = num_towers == 2 and num_gpus >= 2
        return Placement(("/device:GPU:0", "/device:GPU:1") if has_pair else ())
    matches = [_DEVICE.match(name) for name in names]
    if not all(matches) or len(names) > 2:
        raise errors.UserError(
            f"devices={text!r} is not understood. Give 'auto', one device or two: "
            "'GPU:0', 'GPU:0,GPU:1', 'CPU:0,CPU:1'."
        )
    if len(names) > num_towers:
        raise errors.UserError(
            f"devices={text!r} names {len(names)} devices, but the network has one "
            "tower. Name one device."
        )
    wanted = [(match[1].upper(), int(match[2])) for match in matches if match]
    if len(set(wanted)) < len(wanted):
        raise errors.UserError(
            f"devices={text!r} names one device twice. To run both towers on one "
            "device, name it once."
        )
    _make_logical_cpus(1 + max((n for kind, n in wanted if kind == "CPU"), default=0))
    there = [device.name for device in tf.config.list_logical_devices()]
    for kind, number in wanted:
        if f"/device:{kind}:{number}" not in there:
            listing = ", ".join(name.removeprefix("/device:") for name in there)
            raise errors.UserError(
                f"there is no device {kind}:{number} on this machine. There are: "
                f"{listing}. Choose among them, or leave devices at auto."
            )
    return Placement(tuple(f"/device:{kind}:{number}" for kind, number in wanted))


def _make_logical_cpus(count: int) -> None:
    if count == 1:
        return
    cpu = tf.config.list_physical_devices("CPU")[0]
    # A RuntimeError says that TensorFlow has started: then the devices stay as they
    # are, and the check that follows says whether they suffice.
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        )
