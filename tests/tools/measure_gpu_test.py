"""Tests of `tools/measure_gpu.py`: parts that fail or take too long stop no other."""

from __future__ import annotations

import json
import sys

import pytest

from tests import processes, scripts

measure_gpu = scripts.import_script("tools.measure_gpu")
SCRIPT = measure_gpu.ROOT / "tools" / "measure_gpu.py"


def run(*commands, tmp_path, seconds=60.0):
    part = measure_gpu.Part("part", tuple(("-c", command) for command in commands))
    path = tmp_path / "part.txt"
    code, taken = measure_gpu.run_part(part, str(path), seconds)
    return code, taken, path.read_text()


def test_a_part_keeps_its_output_and_ends_at_its_first_failure(tmp_path):
    code, _, text = run(
        "print('one')", "raise SystemExit(3)", "print('never')", tmp_path=tmp_path
    )
    assert code == 3
    assert "one\nexit code 0" in text and text.endswith("exit code 3\n\n")


def test_a_part_that_takes_too_long_is_ended(tmp_path):
    code, taken, text = run(
        "print('begun', flush=True); import time; time.sleep(60)",
        tmp_path=tmp_path,
        seconds=3,
    )
    assert code == 124 and taken < 30 and "begun" in text


def test_processes_share_the_card(tmp_path):
    command = "import os; print(os.environ['TF_FORCE_GPU_ALLOW_GROWTH'])"
    assert "true" in run(command, tmp_path=tmp_path)[2]


@pytest.mark.parametrize("rehearses", [True, False])
def test_the_parts_name_scripts_and_modules_that_exist(rehearses):
    parts = measure_gpu.list_parts("/out", rehearses)
    assert [part.name for part in parts][:3] == [
        *("devices", "placement", "normalization_errors")
    ]
    for part in parts:
        for first, second, *_ in part.commands:
            if first == "-m":
                path = measure_gpu.ROOT / f"{second.replace('.', '/')}.py"
            elif first != "-c":
                path = measure_gpu.ROOT / first
            assert first == "-c" or path.exists(), path
    sizes = {word for part in parts for c in part.commands for word in c}
    assert ("--batch_size=1024" in sizes) == (not rehearses)


def test_without_a_gpu_it_is_a_sentence(tmp_path):
    done = processes.run_python(
        SCRIPT, f"--output_dir={tmp_path / 'out'}", CUDA_VISIBLE_DEVICES="-1"
    )
    assert done.returncode == 2 and "sees no GPU" in done.stderr
    assert "Traceback" not in done.stderr and list(tmp_path.iterdir()) == []


@pytest.mark.whole_run
def test_a_rehearsal_runs_what_it_is_asked_for(tmp_path):
    done = processes.run_python(
        *(SCRIPT, "--rehearse", f"--output_dir={tmp_path}"),
        "--parts=devices,runs,answers",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr + (tmp_path / "runs.txt").read_text()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert list(summary) == ["devices", "runs", "answers"]
    assert not any(found["exit_code"] for found in summary.values())
    assert "20 of 20 images have the same first answer" in (
        (tmp_path / "answers.txt").read_text()
    )


def test_an_unknown_part_is_refused(tmp_path):
    done = processes.run_python(
        SCRIPT, "--rehearse", f"--output_dir={tmp_path}", "--parts=plcement"
    )
    assert done.returncode == 2 and "'plcement'" in done.stderr
    assert "placement" in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
