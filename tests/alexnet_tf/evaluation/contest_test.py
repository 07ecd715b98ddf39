"""Submissions and the hierarchical error, by hand and on converted archives."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys

import numpy as np
import pytest

from alexnet_tf.data import directory, iteration, pipeline
from alexnet_tf.evaluation import contest, evaluate
from alexnet_tf.evaluation import report as report_lib
from tests import archives, contest_archives, training_runs
from tfrecords import errors
from tfrecords.conversion import convert
from tfrecords.shards import manifest, schema
from tfrecords.sources.ilsvrc import official

pytestmark = pytest.mark.whole_run

MODULE = ("-m", "alexnet_tf.commands.evaluate")
SYNSETS = (*archives.SYNSETS, "n04000000", "n05000000")
NUM_TEST = 7


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """`2012` of six classes and `2010` of four, and a run on each; `again` on 2012."""
    path = tmp_path_factory.mktemp("runs")
    archives.write_ilsvrc2012(path / "a2012", classes=SYNSETS)
    contest_archives.write_test_images(path / "a2012", NUM_TEST)
    contest_archives.write_ilsvrc2010(path / "a2010", test_per_class=5)
    for year in ("2010", "2012"):
        source = getattr(official, f"open_ilsvrc{year}")(str(path / f"a{year}"))
        settings = convert.ConvertSettings(num_shards={"test": 3})
        convert.convert(source, str(path / year), settings, num_workers=1)
        training_runs.run(path / year, path / f"run{year}", {"num_epochs": 1})
    training_runs.run(path / "2012", path / "again", {"num_epochs": 1, "seed": 5})
    return path


def read_names(data: directory.DataDirectory, split: str) -> list[str]:
    reader = data.get_reader(split)
    return [
        schema.decode_record(reader.read(row)).filename
        for row in range(reader.index.num_records)
    ]


def expect_lines(probabilities, data) -> list[str]:
    """The lines of the submission for probabilities in the order of the records."""
    known = sorted(SYNSETS)
    lines = {}
    for name, row in zip(read_names(data, "test"), probabilities, strict=True):
        best = sorted(range(len(row)), key=lambda label: -row[label])[:5]
        numbers = [len(known) - known.index(SYNSETS[label]) for label in best]
        lines[name] = " ".join(map(str, numbers))
    return [line for _, line in sorted(lines.items())]


def compute_answers(workdir):
    _, result, data = evaluate.evaluate_checkpoint(
        str(workdir), "last", "test", 1, keeps_answers=True, is_submission=True
    )
    return result, data


def test_a_submission_has_the_best_five_numbers_of_each_image_in_order(
    commands, tmp_path, runs
):
    result, data = compute_answers(runs / "run2012")
    assert result.counts.num_seen == 0
    assert read_names(data, "test") != sorted(read_names(data, "test"))
    path = tmp_path / "predictions.txt"
    done = commands.run(
        *MODULE, f"--workdir={runs}/run2012", "--split=test", f"--submission={path}"
    )
    assert done.returncode == 0, done.stderr
    lines = path.read_text().splitlines()
    assert lines == expect_lines(result.answers["probabilities"], data)
    assert len(lines) == NUM_TEST
    for line in lines:
        numbers = [int(number) for number in line.split(" ")]
        assert len(set(numbers)) == 5 and set(numbers) <= set(range(1, 7))


def test_the_average_of_several_runs_can_be_submitted(commands, tmp_path, runs):
    found = [compute_answers(runs / name) for name in ("run2012", "again")]
    mean = np.mean([result.answers["probabilities"] for result, _ in found], axis=0)
    path = tmp_path / "predictions.txt"
    done = commands.run(
        *MODULE,
        f"--workdirs={runs}/run2012,{runs}/again",
        "--split=test",
        f"--submission={path}",
    )
    assert done.returncode == 0, done.stderr
    assert path.read_text().splitlines() == expect_lines(mean, found[0][1])


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (
            ["--workdir={runs}/run2012", "--submission=s.txt"],
            "validation split.*labels",
        ),
        (
            ["--workdir={runs}/run2010", "--split=test", "--submission=s.txt"],
            "test split of .*2010 has labels.*ILSVRC-2012",
        ),
        (["--workdir={runs}/run2012", "--split=test"], "no labels.*--submission"),
        (
            ["--workdirs={runs}/run2012,{runs}/again", "--split=test"],
            "no labels.*--submission",
        ),
        (
            ["--workdir={runs}/run2012", "--split=test", "--submission={runs}/no/s"],
            "/no",
        ),
        (["--workdir={runs}/run2012", "--submission=s", "--per_class"], "--per_class"),
        (["--workdirs=a,b", "--submission=s", "--weights=search"], "--weights"),
    ],
)
def test_mistakes_exit_with_2_and_write_nothing(
    commands, tmp_path, runs, monkeypatch, flags, named
):
    monkeypatch.chdir(tmp_path)
    done = commands.run(*MODULE, *(flag.format(runs=runs) for flag in flags))
    assert done.returncode == 2, done.stderr
    assert re.search(named, done.stderr, re.DOTALL) and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_hierarchical_errors_by_hand():
    # Of answering class i when the label is k.
    costs = np.array([[0, 3, 9], [4, 0, 1], [5, 7, 0]], np.uint8)
    guesses = contest.Guesses(
        classes=np.array([[1, 2], [0, 1]], np.int32), labels=np.array([0, 2], np.int32)
    )
    # 4 and 5 for the first image, 9 and 1 for the second.
    assert contest.compute_hierarchical_errors(guesses, costs) == [6.5, 2.5]


def test_the_report_has_the_hierarchical_error_of_2010(commands, tmp_path, runs):
    output, answers = tmp_path / "result.json", tmp_path / "answers.npz"
    done = commands.run(
        *MODULE,
        f"--workdir={runs}/run2010",
        "--split=test",
        f"--output={output}",
        f"--answers={answers}",
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text())
    assert report["num_seen"] == 20
    by_number = contest_archives.make_costs()
    numbers = [contest_archives.get_number(synset) for synset in archives.SYNSETS]
    with np.load(answers) as arrays:
        probabilities, labels = arrays["probabilities"], arrays["labels"]
    for count in range(1, 5):
        costs = [
            min(
                by_number[numbers[guess] - 1, numbers[label] - 1]
                for guess in sorted(range(4), key=lambda k: -row[k])[:count]
            )
            for row, label in zip(probabilities, labels, strict=True)
        ]
        assert report["hierarchical_errors"][count - 1] == pytest.approx(np.mean(costs))
    assert f"hierarchical error {report['hierarchical_errors'][-1]:.4f}" in done.stdout
    assert f"{report['hierarchical_errors'][0]:.4f} with one" in done.stdout


def test_other_data_have_no_hierarchical_error(runs):
    _, result, data = evaluate.evaluate_checkpoint(
        str(runs / "run2012"), "last", "validation", 1
    )
    report = report_lib.make_report(
        result, data.manifest, 1, "validation", 1, data.contest.costs
    )
    assert "hierarchical_errors" not in report
    assert "hierarchical" not in report_lib.format_report(report, False)


def open_data(path) -> directory.DataDirectory:
    return directory.open_data(str(path), training_runs.make_config())


def test_a_missing_image_is_named(tmp_path, runs):
    archives.write_ilsvrc2012(tmp_path / "archives", classes=SYNSETS)
    images = contest_archives.write_test_images(tmp_path / "archives", 4)
    del images["ILSVRC2012_test_00000003.JPEG"]
    rows = [(f"test/{name}", image) for name, image in images.items()]
    name = "ILSVRC2012_img_test_v10102019.tar"
    archives.write_file(tmp_path / "archives", name, archives.make_tar(rows))
    source = official.open_ilsvrc2012(str(tmp_path / "archives"))
    settings = convert.ConvertSettings(encoding="raw")
    convert.convert(source, str(tmp_path / "data"), settings, num_workers=1)
    path, data = tmp_path / "predictions.txt", open_data(tmp_path / "data")
    with pytest.raises(errors.UserError, match=r"number 3,"):
        contest.write_submission(str(path), data, "test", np.zeros((3, 5), int))
    assert not path.exists()
    # Raw images come without labels, too.
    dataset = pipeline.make_evaluation_dataset(
        data, training_runs.make_config(), "test"
    )
    for images, labels, _ in iteration.iterate(data, dataset):
        assert images.shape == (3, 256, 256, 3) and labels.numpy().tolist() == [-1] * 3


def test_a_label_in_a_split_without_labels_is_refused(runs):
    data = open_data(runs / "2012")
    splits = data.manifest.splits
    emptied = dataclasses.replace(splits["validation"], class_counts=(0,) * 6)
    data.manifest = dataclasses.replace(
        data.manifest, splits={**splits, "validation": emptied}
    )
    config = training_runs.make_config()
    dataset = pipeline.make_evaluation_dataset(data, config, "validation")
    with pytest.raises(errors.DataError, match=r"has the label \d, outside -1\.\.-1"):
        list(iteration.iterate(data, dataset))


def test_data_without_a_contest_file_are_refused(runs):
    data = open_data(runs / "2012")
    checksums = {
        name: value
        for name, value in data.manifest.checksums.items()
        if name != manifest.CONTEST_NAME
    }
    data.manifest = dataclasses.replace(data.manifest, checksums=checksums)
    with pytest.raises(errors.UserError, match=r"no contest\.npz.*development kit"):
        contest.check_split(data, "test", is_submission=True)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
