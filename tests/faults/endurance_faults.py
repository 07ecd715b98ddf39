"""Long runs: memory over many steps, and an hour and a half of kills."""

from __future__ import annotations

import pathlib
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import numpy as np
import scipy.stats

from tests import processes, training_runs
from tests.faults.engine import Case, Fault
from tests.faults.training_faults import make_program

_SECTION = "Long runs"

# 12 images in batches of 5: 100 steps are 41.7 epochs.
_NUM_STEPS = 20_000
_MEMORY_SETTINGS = {
    "num_epochs": 8_334,
    "log_every_steps": 50,
    "checkpoint_every_minutes": 30.0,
    "checkpoint_every_epochs": 40,
    "eval_every_epochs": 160,
    "keep_checkpoints": 2,
    "schedule.name": "fixed",
    "schedule.steps": "4000:0.001",
}
# What is allocated once: graphs, buffers, the allocator's pools.
_WARM_UP_STEPS = 2_000
_MAX_MB_PER_1000_STEPS = 1.0


def _make_memory(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    del seed
    program = make_program(shared, _MEMORY_SETTINGS)

    def check(directory: pathlib.Path) -> str:
        process = _start(program.make_arguments(directory))
        steps, megabytes = [], []
        assert process.stderr is not None
        for line in process.stderr:
            if (step := _find_step(line)) >= _WARM_UP_STEPS:
                steps.append(step)
                megabytes.append(_read_resident(process.pid))
        assert process.wait() == 0
        assert steps[-1] > 0.99 * _NUM_STEPS, steps[-1]
        # The median of all pairs' slopes, and its 95 % interval.
        found = scipy.stats.theilslopes(megabytes, np.array(steps) / 1000, 0.95)
        text = (
            f"{found.slope:.3f} MB per 1,000 steps (95 % interval "
            f"{found.low_slope:.3f} to {found.high_slope:.3f}), "
            f"{megabytes[-1]:,.0f} MB after {steps[-1]:,} steps"
        )
        assert found.low_slope <= 0 or found.high_slope < _MAX_MB_PER_1000_STEPS, text
        return text

    return [Case("20,000 steps", check, num_faults=1)]


_SOAK_SECONDS = 90 * 60
_SECONDS_TO_KILL = (120, 360)
# Steps of a small network for about an hour of undisturbed training.
_SOAK_SETTINGS = {
    **_MEMORY_SETTINGS,
    "num_epochs": 80_000,
    "log_every_steps": 1_000,
    "checkpoint_every_epochs": 400,
    "eval_every_epochs": 4_000,
}


def _make_soak(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    program = make_program(shared, _SOAK_SETTINGS)

    def check(directory: pathlib.Path) -> str:
        whole = shared / "whole"
        undisturbed = _start(program.make_arguments(whole), is_read=False)
        generator = random.Random(seed)
        num_kills, num_done, code = 0, 0, None
        start = time.monotonic()
        while code is None:
            process = _start(program.make_arguments(directory))
            steps: list[int] = []
            reader = threading.Thread(target=_read_steps, args=(process, steps))
            reader.start()
            try:
                code = process.wait(generator.uniform(*_SECONDS_TO_KILL))
            except subprocess.TimeoutExpired:
                if time.monotonic() - start < _SOAK_SECONDS:
                    process.kill()
                    num_kills += 1
                else:
                    code = process.wait()
            process.wait()
            reader.join()
            num_done += steps[-1] - steps[0] if steps else 0
        assert code == 0, code
        assert undisturbed.wait() == 0
        assert program.digest(directory) == program.digest(whole)
        last = training_runs.load_checkpoint(directory / "run").step
        minutes = (time.monotonic() - start) / 60
        return (
            f"{num_kills} kills in {minutes:.0f} minutes; of {num_done:,} steps done, "
            f"{last:,} were needed: {last / max(num_done, last):.1%}"
        )

    return [Case("soak", check)]


def _start(arguments: Sequence[str], is_read: bool = True) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if is_read else subprocess.DEVNULL,
        text=True,
        env=processes.make_environment(),
    )


def _read_steps(process: subprocess.Popen[str], steps: list[int]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if step := _find_step(line):
            steps.append(step)


def _find_step(line: str) -> int:
    """The step of a progress line, or 0."""
    found = re.match(r"step ([\d,]+) of |(?:resuming|starting) at step ([\d,]+)", line)
    return int((found[1] or found[2]).replace(",", "")) if found else 0


def _read_resident(pid: int) -> float:
    """Resident memory of a process in megabytes."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) / 1000


FAULTS = (
    Fault(
        "training_memory",
        _SECTION,
        "20,000 steps, 200 checkpoints and 52 evaluations",
        "Memory grows by less than 1 MB per 1,000 steps",
        _make_memory,
        num_quick=0,
    ),
    Fault(
        "training_soak",
        _SECTION,
        "SIGKILL every two to six minutes for an hour and a half",
        "The undisturbed run's weights and measurements, bit for bit",
        _make_soak,
        num_quick=0,
        takes_hours=True,
    ),
)
