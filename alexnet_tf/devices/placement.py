"""Places each tower on its device.

The paper spreads the network over two GPUs, one tower each; the towers communicate only
in certain layers (section 3.5). A `tf.device` scope around a Keras layer's construction
places its variables but not its ops: the functional model runs the layer later, outside
the scope. So every layer enters its scope on each call. The backward pass follows if
`tf.gradients` makes the gradients, as it puts each gradient op on its forward op's
device; `tf.GradientTape` does not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Sequence

import tensorflow as tf

from alexnet_tf.devices import copy_probe
from tfrecords import errors
from tfrecords.durable import files

HOST = "/device:CPU:0"
_DEVICE = re.compile(r"^/?(?:device:)?(CPU|GPU):(\d{1,2})$", re.IGNORECASE)

_NODE = re.compile(r"^\{\{.*?\}\} ?")
# Messages of allocators other than TensorFlow's, which raise other types of errors.
_NO_MEMORY = re.compile(
    r"out of memory|\bOOM\b|bad_alloc|failed to allocate|cannot allocate memory",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class Placement:
    """The device of each tower.

    Attributes:
      devices: one name per tower ("/device:GPU:0"), or () to let TensorFlow choose.
        Tower a's device also holds the last layer, the loss and the scalars.
      through_host: whether what one tower sends to the other goes through the host's
        memory, which then holds the scalars; for cards whose direct copies do not
        arrive.
    """

    devices: tuple[str, ...] = ()
    through_host: bool = False

    def get_device(self, tower: int) -> str | None:
        """The device of tower 0 (a), 1 (b), ...; None if TensorFlow chooses."""
        return self.devices[tower % len(self.devices)] if self.devices else None

    def get_shared_device(self) -> str | None:
        """The device of what belongs to no tower; None if TensorFlow chooses."""
        return HOST if self.through_host else self.get_device(0)

    def describe(self) -> str:
        """For the console: "tower a on GPU:0, tower b on GPU:1"."""
        if not self.devices:
            return "on the device that TensorFlow chooses"
        short = [device.removeprefix("/device:") for device in self.devices]
        if len(short) == 1:
            return f"on {short[0]}"
        text = ", ".join(
            f"tower {'ab'[tower]} on {device}" for tower, device in enumerate(short)
        )
        if self.through_host:
            text += (
                "; what they exchange goes through the host's memory, because direct "
                "copies between these GPUs do not arrive intact (check the IOMMU's "
                "settings: training is slower this way)"
            )
        return text


def scope(device: str | None) -> contextlib.AbstractContextManager:
    """The `tf.device` scope of `device`; no scope for None."""
    return tf.device(device) if device else contextlib.nullcontext()


@contextlib.contextmanager
def memory_errors(setting: str) -> Iterator[None]:
    """Translates out-of-memory errors within the context.

    TensorFlow raises the same error for a full disk; it is recognized, too. `setting`
    is the one to reduce: "--config.batch_size".

    Raises:
      DeviceMemoryError: if a device or the process runs out of memory.
      StorageError: if the disk is full.
    """
    try:
        yield
    except (tf.errors.OpError, MemoryError) as error:
        reason = get_message(error)
        if isinstance(error, tf.errors.OpError):
            is_exhausted = isinstance(error, tf.errors.ResourceExhaustedError)
            if is_exhausted and files.find_storage_errno(error.message):
                raise errors.StorageError(
                    f"a file could not be written: {reason}. Files completed before "
                    "are intact. Free disk space and run the same command again."
                ) from error
            if not is_exhausted and not _NO_MEMORY.search(error.message):
                raise
        raise errors.DeviceMemoryError(
            f"a device has too little memory for this network and batch. Give a "
            f"smaller {setting}, or stop other programs on the device. TensorFlow's "
            f"error: {reason or type(error).__name__}"
        ) from error


def get_message(error: BaseException) -> str:
    """The first line of TensorFlow's error, without the name of its node."""
    text = _NODE.sub("", getattr(error, "message", "") or str(error))
    return (text.splitlines() or [""])[0]


def make_placement(devices: str | Sequence[str], num_towers: int = 2) -> Placement:
    """Resolves the setting `devices` and checks that the devices exist.

    Args:
      devices: "auto" (two GPUs if available, else one device), or one or two names such
        as "GPU:0" and "CPU:1", as a sequence or separated by a comma. CPU:1 is a second
        logical device of the same CPU. It is created here, which is only possible
        before TensorFlow has used the first.
      num_towers: the network's towers; a single tower has one device.

    Raises:
      UserError: if a name is invalid or repeated, there are more devices than towers,
        or a device does not exist; the message lists the existing ones.
      DeviceMemoryError: if a GPU has too little memory to try a copy.
    """
    num_gpus = len(tf.config.list_physical_devices("GPU"))
    names = devices.split(",") if isinstance(devices, str) else devices
    names, text = [name.strip() for name in names], ",".join(names)
    if names == ["auto"]:
        has_pair = num_towers == 2 and num_gpus >= 2
        return _probe(("/device:GPU:0", "/device:GPU:1")) if has_pair else Placement()
    matches = [_DEVICE.match(name) for name in names]
    if not all(matches) or len(names) > 2:
        raise errors.UserError(
            f"devices={text!r} is invalid. Give 'auto', one device or two: "
            "'GPU:0', 'GPU:0,GPU:1', 'CPU:0,CPU:1'."
        )
    if len(names) > num_towers:
        raise errors.UserError(
            f"devices={text!r} names {len(names)} devices, but the network has one "
            "tower. Give one device."
        )
    wanted = [(match[1].upper(), int(match[2])) for match in matches if match]
    if len(set(wanted)) < len(wanted):
        raise errors.UserError(
            f"devices={text!r} names one device twice. To run both towers on one "
            "device, name it once."
        )
    make_logical_devices(names)
    # Among several workers, names begin with the worker's.
    there = [
        device.name[device.name.index("/device:") :]
        for device in tf.config.list_logical_devices()
    ]
    for kind, number in wanted:
        if f"/device:{kind}:{number}" not in there:
            listing = ", ".join(name.removeprefix("/device:") for name in there)
            raise errors.UserError(
                f"there is no device {kind}:{number} on this machine. There are: "
                f"{listing}. Choose one of them, or set devices to auto."
            )
    return _probe(tuple(f"/device:{kind}:{number}" for kind, number in wanted))


def _probe(devices: tuple[str, ...]) -> Placement:
    """The placement on these devices; copies between two GPUs are tried first."""
    if len(devices) < 2 or not all("GPU" in device for device in devices):
        return Placement(devices)
    with memory_errors("--config.batch_size"):
        return Placement(devices, bool(copy_probe.find_broken(devices)))


def make_logical_devices(devices: str | Sequence[str]) -> None:
    """Makes the CPU:1, ... that `devices` names; as early as `make_placement` says."""
    names = devices.split(",") if isinstance(devices, str) else devices
    matches = [_DEVICE.match(name.strip()) for name in names]
    count = 1 + max(
        (int(m[2]) for m in matches if m and m[1].upper() == "CPU"), default=0
    )
    if count == 1:
        return
    cpu = tf.config.list_physical_devices("CPU")[0]
    # A RuntimeError means that TensorFlow has started and the devices are fixed; the
    # next check decides whether they suffice.
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        )
