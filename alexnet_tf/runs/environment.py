"""Describes a run's environment: versions, hardware, threads.

Results agree bit for bit only if all of it is equal: even the number of threads and
oneDNN change the order of sums. User and host are not recorded.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import alexnet_tf
from tfrecords.console import worker_pool

_GIT_SECONDS = 10.0
_PACKAGES = ("tensorflow", "keras", "numpy", "tensorflow_addons")


def describe(
    accelerators: Sequence[str] = (),
    intra_op_threads: int = 0,
    inter_op_threads: int = 0,
) -> dict[str, Any]:
    """The environment as JSON values by name.

    These are the packages' versions (None if missing), `git_revision` (None outside a
    checkout; "-dirty" with uncommitted changes), `cpu`, `cores` (available to this
    process), `memory_bytes`, the arguments, and `onednn`: the value of
    TF_ENABLE_ONEDNN_OPTS, "default" if unset.

    The accelerators are described as by TensorFlow; with 0 threads within or across its
    ops, TensorFlow chooses their number, by `cores`.
    """
    return {
        "alexnet_tf": alexnet_tf.__version__,
        "git_revision": _find_git_revision(os.path.abspath(alexnet_tf.__file__)),
        "python": platform.python_version(),
        **{name: _find_version(name) for name in _PACKAGES},
        "cpu": _find_cpu(),
        "cores": worker_pool.count_processors(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "accelerators": list(accelerators),
        "intra_op_threads": intra_op_threads,
        "inter_op_threads": inter_op_threads,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
    }


def describe_with_tensorflow() -> dict[str, Any]:
    """`describe`, with the GPUs and the threads that TensorFlow uses."""
    import tensorflow as tf

    from alexnet_tf.devices import precision

    threading = tf.config.threading
    return describe(
        precision.list_gpus(),
        threading.get_intra_op_parallelism_threads(),
        threading.get_inter_op_parallelism_threads(),
    )


def _find_version(package: str) -> str | None:
    """The imported or installed version; importing TensorFlow here would be slow."""
    if package in sys.modules:
        return getattr(sys.modules[package], "__version__", None)
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _find_git_revision(file: str) -> str | None:
    """The commit of the checkout that tracks `file`; None if there is none."""
    directory = os.path.dirname(file)

    def ask_git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", directory, *arguments],
            check=True,
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
        ).stdout.strip()

    try:
        # Site-packages may be inside an unrelated checkout.
        ask_git("ls-files", "--error-unmatch", file)
        return ask_git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return None


def _find_cpu() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        match = re.search(r"^model name\s*:\s*(.+)$", file.read(), re.MULTILINE)
        if match:
            return match[1]
    return platform.processor() or platform.machine()
