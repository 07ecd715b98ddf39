"""Programs with few rights, without a network, with few descriptors, odd clocks."""

from __future__ import annotations

import functools
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from tests import processes
from tests.faults import conversion_faults, output_faults, training_faults
from tests.faults.engine import Case, Fault
from tests.faults.program import Program
from tfrecords import errors
from tfrecords.durable import locks

# Enough for TensorFlow's threads, libraries and event files, not for a leak.
_NUM_DESCRIPTORS = 128
_TEN_YEARS = 10 * 365 * 86400.0
_SECONDS = 240.0


def _run(
    program: Program,
    directory: pathlib.Path,
    wrapper: Sequence[str] = (),
    prepare: Callable[[], None] = lambda: None,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """The program in a new interpreter, below `wrapper` and after `prepare`."""
    return subprocess.run(
        [*wrapper, sys.executable, *program.make_arguments(directory)],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env=processes.make_environment(**variables),
        preexec_fn=prepare,
    )


# Each takes a program and the directory that it writes to, and returns how it ended.
_Surroundings = Callable[[Program, pathlib.Path], "subprocess.CompletedProcess[str]"]


def _without_network(
    program: Program, directory: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    # The loopback device is down, too.
    return _run(program, directory, ["unshare", "-rn"])


def _on_read_only_root(
    program: Program, directory: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    temporary = directory / "tmp"
    temporary.mkdir()
    mount = (
        'mount --bind "$0" "$0" && mount -o remount,bind,ro / && '
        '! touch /not-writable 2>/dev/null && exec "$@"'
    )
    wrapper = ["unshare", "-rm", "sh", "-c", mount, str(directory)]
    return _run(program, directory, wrapper, TMPDIR=str(temporary))


def _without_rights(
    program: Program, directory: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    # Root without its capabilities may do what any owner of its files may.
    wrapper = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    return _run(program, directory, wrapper)


def _with_few_descriptors(
    program: Program, directory: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    limits = (_NUM_DESCRIPTORS, _NUM_DESCRIPTORS)
    return _run(
        program,
        directory,
        prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits),
    )


def _in_odd_language(
    program: Program, directory: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    return _run(
        program,
        directory,
        prepare=lambda: os.umask(0o077) and None,
        **{"LC_ALL": "C", "TZ": "Pacific/Chatham", "PYTHONHASHSEED": "7"},
    )


def _resumed_with_dates(
    shift: float, program: Program, directory: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    """Held, killed, and resumed with all files dated years from now."""
    process = subprocess.Popen(
        [sys.executable, *program.make_arguments(directory)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=processes.make_environment(),
        start_new_session=True,
    )
    end = time.monotonic() + _SECONDS
    while process.poll() is None and not _has_result(directory):
        assert time.monotonic() < end
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for path in directory.rglob("*"):
        when = time.time() + shift
        os.utime(path, (when, when), follow_symlinks=False)
    return _run(program, directory)


def _has_result(directory: pathlib.Path) -> bool:
    return any(directory.rglob("ckpt-*")) or any(directory.rglob("*-of-*"))


def _through_link(
    program: Program, directory: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    """What is written to lies elsewhere."""
    elsewhere = directory / "elsewhere"
    elsewhere.mkdir()
    for name in ("data", "run", "exports"):
        (elsewhere / name).mkdir()
        (directory / name).symlink_to(elsewhere / name)
    return _run(program, directory)


def _with_linked_lock(
    program: Program, directory: pathlib.Path
) -> subprocess.CompletedProcess[str]:
    """Refused: the lock would write into another's file."""
    victim = directory / "victim"
    victim.write_text("kept")
    for name in ("data", "run", "exports"):
        (directory / name).mkdir()
        (directory / name / locks.LOCK_NAME).symlink_to(victim)
    ended = _run(program, directory)
    assert victim.read_text() == "kept"
    if ended.returncode == 0:  # it takes no lock
        return ended
    allowed = (errors.StorageError.exit_code, errors.UserError.exit_code)
    assert ended.returncode in allowed, ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
    for name in ("data", "run", "exports"):
        shutil.rmtree(directory / name)
    return _run(program, directory)


_SURROUNDINGS: dict[str, _Surroundings] = {
    "no network": _without_network,
    "a read-only root": _on_read_only_root,
    "no rights but an owner's": _without_rights,
    f"{_NUM_DESCRIPTORS} descriptors": _with_few_descriptors,
    "another language, zone, umask and hash seed": _in_odd_language,
    "files dated in ten years": functools.partial(_resumed_with_dates, _TEN_YEARS),
    "files dated ten years ago": functools.partial(_resumed_with_dates, -_TEN_YEARS),
    "directories that are links": _through_link,
    "a lock that is a link": _with_linked_lock,
}
_PROGRAMS: dict[str, Callable[[pathlib.Path], Program]] = {
    "conversion": lambda shared: conversion_faults.PROGRAM,
    "training": training_faults.make_program,
    "export": output_faults.make_export,
}


# What people publish; a run's record holds its command and paths.
_PUBLISHED = ("data", "exports")


def _check_privacy(directory: pathlib.Path) -> None:
    """Nothing that is published names this machine, its user's home or the paths."""
    secrets = [socket.gethostname(), f"{pathlib.Path.home()}/", str(directory)]
    for name in _PUBLISHED:
        for path in (directory / name).rglob("*"):
            if path.is_file() and path.name != locks.LOCK_NAME:
                content = path.read_bytes()
                for secret in secrets:
                    assert secret.encode() not in content, (path, secret)


def make_cases(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """Each program in each of the surroundings."""
    del seed

    def check(
        program: Program, digest: str, surroundings: str, directory: pathlib.Path
    ) -> None:
        ended = _SURROUNDINGS[surroundings](program, directory)
        assert ended.returncode == 0, ended.stderr
        assert program.digest(directory) == digest
        _check_privacy(directory)

    cases = []
    for name, make_program in _PROGRAMS.items():
        part, whole = shared / name, shared / f"{name}-whole"
        part.mkdir()
        whole.mkdir()
        program = make_program(part)
        digest = program.finish(whole)
        cases += [
            Case(
                f"{name}, {surroundings}",
                functools.partial(check, program, digest, surroundings),
            )
            for surroundings in _SURROUNDINGS
        ]
    return cases


def find_problem() -> str | None:
    """Why the surroundings cannot be made here, or None."""
    if os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("setpriv")):
        return "it needs root's rights, and unshare and setpriv"
    return None


FAULTS = (
    Fault(
        "surroundings",
        "Surroundings",
        "Conversion, training and export without a network, on a read-only root, "
        f"without root's rights, with {_NUM_DESCRIPTORS} descriptors, another locale, "
        "time zone, umask and hash seed, files dated ten years away, directories and a "
        "lock that are links",
        "The undisturbed bytes. A lock that is a link is refused, and what it points "
        "to is not changed. No data set or export names the machine, the home "
        "directory or a path",
        make_cases,
        num_quick=1,
        find_problem=find_problem,
    ),
)
