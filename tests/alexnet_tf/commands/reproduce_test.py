"""Tests of `alexnet_tf.commands.reproduce`."""

from __future__ import annotations

import sys

import pytest

from alexnet_tf.experiments import claims
from alexnet_tf.experiments.claims.claim import Arm
from alexnet_tf.reproduce import plan, run_records
from tests import processes
from tests.alexnet_tf.reproduce.made_records import make_record

PROGRAM = """\
import sys
from alexnet_tf.commands import reproduce
try:
    reproduce.run()
finally:
    print("tensorflow" in sys.modules, file=sys.stderr)
"""
MODULE = ("-m", "alexnet_tf.commands.reproduce")


@pytest.fixture(scope="module")
def records_dir(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("records"))
    form = claims.CLAIMS["pooling"].reduced
    for fold in range(5):
        for arm, error in (
            (Arm("paper"), 0.2),
            (Arm("a", {"model.pool_size": 2}), 0.3),
        ):
            run = plan.make_run(form, arm, fold, 0)
            run_records.write(path, make_record(run, ten=error, num_images=960))
    return path


def test_list_shows_verdicts_without_tensorflow(records_dir):
    result = processes.run_python("-c", PROGRAM, "list", f"--records_dir={records_dir}")
    assert result.returncode == 0, result.stderr
    assert result.stderr.split() == ["False"]
    lines = result.stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("pooling")]
    assert line.split()[:3] == ["pooling", "3.4", "ilsvrc2012"]
    assert "+0.4 points" in line and "reproduced (reduced): +10.0 points" in line
    for name in claims.CLAIMS:
        assert any(line.startswith(name) for line in lines)


def test_report_writes_the_page(records_dir, tmp_path):
    output = tmp_path / "claims.md"
    result = processes.run_python(
        *(*MODULE, "report", f"--records_dir={records_dir}", f"--output={output}"),
        f"--plots_dir={tmp_path / 'plots'}",
    )
    assert result.returncode == 0, result.stderr
    drawn = (tmp_path / "plots" / "pooling.svg").read_text()
    assert drawn.startswith("<?xml") and "<svg" in drawn
    assert f"{output}: {len(claims.CLAIMS)} claims, 10 runs" in result.stdout
    assert "**reproduced** (reduced): +10.0 points" in output.read_text()


def test_a_checkout_has_records_and_elsewhere_they_must_be_named(tmp_path):
    for action in ("list", "report"):
        result = processes.run_python(*MODULE, action, cwd=tmp_path)
        assert result.returncode == 2 and "Traceback" not in result.stderr
        assert "--records_dir" in result.stderr or "--output" in result.stderr


@pytest.mark.parametrize(
    "arguments, facts",
    [
        ([], ["list, run or report"]),
        (["show"], ["'show'", "list, run or report"]),
        (["run"], ["--all"]),
        (["run", "pooling", "--all"], ["--all"]),
        (["run", "pooling"], ["--data_root", "--output_dir"]),
        (["run", "poling", "--data_root=D", "--output_dir=O"], ["poling", "'pooling'"]),
        (["list", "pooling", "--records_dir=R"], ["pooling"]),
        (["run", "pooling", "--folds=0"], ["folds"]),
    ],
)
def test_wrong_usage_is_explained(commands, arguments, facts):
    result = commands.run(*MODULE, *arguments)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    for fact in facts:
        assert fact in result.stderr


def test_data_that_is_missing_is_named_before_anything_is_written(commands, tmp_path):
    result = commands.run(
        *(*MODULE, "run", "pooling", f"--data_root={tmp_path}/D"),
        f"--output_dir={tmp_path}/O",
    )
    assert result.returncode == 2 and "Traceback" not in result.stderr
    path = f"{tmp_path}/D/ilsvrc2012"
    for words in (f"{path} is missing", f"--data_dir={path}, or correct --data_root."):
        assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
