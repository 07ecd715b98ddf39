"""docs/tour.py runs, its checks can fail, and docs/tour.ipynb was made from it."""

from __future__ import annotations

import copy
import json
import pathlib
import re
import sys

import pytest

from tests import documentation, documented_commands, processes, scripts
from tools import notebooks

build_tour = scripts.import_script("tools.build_tour")

CHECKOUT = pathlib.Path(__file__).parents[1]
PATH = CHECKOUT / "docs" / "tour.ipynb"
MAX_BYTES = 400_000

CELLS = build_tour.read_tour(CHECKOUT)
NOTEBOOK = json.loads(PATH.read_text(encoding="utf-8"))
PROSE = "\n\n".join(cell.text for cell in CELLS if cell.kind == "markdown")

SECTIONS = [
    *("1", "2", "3.1", "3.2", "3.3", "3.4", "3.5", "4.1", "4.2", "5", "6", "6.1", "7"),
]
# What the checks must say, by section.
FACTS = {
    "1": ("60,965,224", "659,272"),
    "2": ("256x256", "top-5 error"),
    "3.2": ("59,798,312",),
    "3.3": ("k = 2, n = 5, alpha = 0.0001 and beta = 0.75",),
    "3.4": ("27, 13 and 6",),
    "3.5": ("55 x 55", "27 x 27", "13 x 13", "724,406,816"),
    "4.1": ("2,048", "5.8, 0.5 and 0.15 grey levels", "11.1, 3.4 and 1.8", "10 views"),
    "4.2": ("half of the outputs", "geometric mean"),
    "5": ("from 0.01 to 0.00001 in 3 steps", "0.010", "conv2, conv4, conv5, fc6, fc7"),
    "6.1": ("4,096",),
    "7": ("0.06%, 0.50%, 1.45%, 1.09%, 0.73%",),
}

_NETWORKS = "alexnet_tf.network.networks"
_LAYERS = "alexnet_tf.network.layers"
_DRAWS = "alexnet_tf.data.random_draws"
# A section, and what is changed in a module, or in the tour itself, that its check has
# to notice; see `run_tour`.
FAULTS = [
    ("1", _NETWORKS, "NETWORKS", "{**value, 'alexnet': value['conv6']}"),
    ("2", "alexnet_tf.evaluation.metrics", "TOP_K", "6"),
    (
        *("2", "tfrecords.shards.statistics", "Statistics"),
        "lambda number, mean, *others: value(number, 1.001 * mean, *others)",
    ),
    ("3.1", _LAYERS, "Activation", "lambda function: value('tanh')"),
    (
        *("3.2", _NETWORKS, "NETWORKS"),
        "{**value, 'alexnet': _change(ALEXNET, conv2={'sees_all': True})}",
    ),
    ("3.2", _NETWORKS, "NETWORKS", "{**value, 'one_gpu': ALEXNET}"),
    (
        *("3.3", "alexnet_tf.network.normalization", "_power"),
        "lambda s, beta: value(s, 0.74)",
    ),
    ("3.4", _LAYERS, "MaxPooling", "lambda size, stride: value(size, size)"),
    (
        *("3.5", "", "network"),
        "build.build_model(9, override(config, {'model.paddings': 'conv1=0'}).model)",
    ),
    (
        *("3.5", "alexnet_tf.training.steps", "compute_losses"),
        "lambda *arguments: 2 * value(*arguments)",
    ),
    ("4.1", _DRAWS, "draw_crop_offsets", "lambda seed, positions: value(seed, 31)"),
    (
        *("4.1", _DRAWS, "draw_colour_shift"),
        "lambda *arguments: 1.02 * value(*arguments)",
    ),
    (
        *("4.1", "alexnet_tf.evaluation.forward", "compute_probabilities"),
        "lambda model, views: tf.nn.softmax(tf.reduce_mean(model(views[0]), 0))[None]",
    ),
    ("4.2", _LAYERS, "Dropout", "lambda rate, _, seed: value(rate, 'training', seed)"),
    (
        *("5", "alexnet_tf.optimization.momentum", "MomentumOptimizer"),
        "lambda parameters, config: value(parameters, OptimizerConfig(momentum=0.8))",
    ),
    (
        *("5", "alexnet_tf.optimization.schedule", "PlateauSchedule"),
        "FixedSchedule",
    ),
    (
        *("6", "alexnet_tf.evaluation.metrics", "find_errors"),
        "lambda *arguments: tf.ones_like(value(*arguments))",
    ),
    (
        *("6.1", "", "network"),
        "build.build_model(1000, override(config, {'model.width': 0.125}).model)",
    ),
    ("7", _NETWORKS, "NETWORKS", "{**value, 'without_conv3': ALEXNET}"),
]


def _list_code(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _find_checks(printed: str) -> dict[str, str]:
    """The lines of the checks, by section, in their order."""
    return dict(re.findall(r"^(\d(?:\.\d)?): (.+)$", printed, re.MULTILINE))


def find_faults(notebook: dict) -> list[str]:
    """What is wrong with the outputs of a notebook."""
    faults = []
    cells = _list_code(notebook)
    if [c["execution_count"] for c in cells] != [*range(1, len(cells) + 1)]:
        faults.append("it was not run from top to bottom")
    outputs = [output for cell in cells for output in cell["outputs"]]
    if any(output["output_type"] == "error" for output in outputs):
        faults.append("a cell failed")
    checks = _find_checks("".join(map(notebooks.read_text, cells)))
    if [*checks] != SECTIONS:
        faults.append(f"it has checks of the sections {', '.join(checks)}")
    for section, facts in FACTS.items():
        missing = [fact for fact in facts if fact not in checks.get(section, "")]
        faults += [f"{section}: {fact}" for fact in missing]
    # Sections 2, 3.1, 4.1, 5 and 6.1.
    num_figures = sum("image/png" in output.get("data", {}) for output in outputs)
    if num_figures != 11:
        faults.append(f"it has {num_figures} figures")
    texts = json.dumps([output for output in outputs if "data" not in output])
    faults += re.findall(r"/(?:home|root|tmp|work|usr|opt|Users)/", texts)
    return faults


def find_missing_links(text: str) -> list[str]:
    """The relative links that lead to no file, or to no heading of it."""
    missing = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = PATH.parent / path
        if link.startswith("https://"):
            continue
        if not target.is_file() or (
            anchor and anchor not in documentation.list_anchors(target.read_text())
        ):
            missing.append(link)
    return missing


def find_sections_without_exercise(cells: list[notebooks.Cell]) -> list[str]:
    """The sections whose last cell is no exercise with a command of ours."""
    last = {cell.section: cell for cell in cells}
    return [
        section
        for section in SECTIONS
        if "**Exercise.**" not in last[section].text
        or not documented_commands.list_commands(last[section].text)
    ]


def test_the_notebook_is_that_of_the_source():
    different = notebooks.find_differences(NOTEBOOK, CELLS)
    assert not different, "run: python tools/build_tour.py"


def test_the_notebook_has_its_outputs():
    assert PATH.stat().st_size < MAX_BYTES
    assert find_faults(NOTEBOOK) == []


def test_faults_of_the_outputs_would_be_found():
    def has_fault(change):
        changed = copy.deepcopy(NOTEBOOK)
        change(_list_code(changed))
        return bool(find_faults(changed))

    def forget(cells):
        cells[-1]["execution_count"] = None

    def name_a_path(cells):
        stream = {"output_type": "stream", "name": "stderr", "text": ["in /tmp/x\n"]}
        cells[2]["outputs"].append(stream)

    def fail(cells):
        cells[2]["outputs"].append({"output_type": "error"})

    def lose(cells):
        cells[-1]["outputs"] = []

    assert not has_fault(lambda cells: None)
    for change in (forget, name_a_path, fail, lose):
        assert has_fault(change), change


def test_every_section_ends_with_an_exercise():
    assert find_sections_without_exercise(CELLS) == []
    fewer = [c for c in CELLS if (c.section, c.text[:13]) != ("5", "**Exercise.**")]
    assert find_sections_without_exercise(fewer) == ["5"]


def test_commands_and_links_lead_somewhere():
    assert len(documented_commands.list_commands(PROSE)) >= len(SECTIONS)
    assert documented_commands.find_wrong_commands(PROSE) == []
    assert find_missing_links(PROSE) == []
    assert find_missing_links(PROSE.replace("#33-local", "#34-local")) != []
    assert find_missing_links(PROSE.replace("kernels.png", "kernel.png")) != []


@pytest.fixture(scope="module")
def outcome():
    """What a run of the tour printed, and what came of the faults."""
    done = processes.run_python(
        *("-m", "tests.programs.run_tour", json.dumps(FAULTS)),
        timeout=1200,
        cwd=CHECKOUT,
        MPLBACKEND="agg",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_it_runs_and_checks_every_section(outcome):
    checks = _find_checks(outcome["printed"])
    assert [*checks] == SECTIONS
    stored = "".join(map(notebooks.read_text, _list_code(NOTEBOOK)))
    assert checks == _find_checks(stored)


@pytest.mark.slow
def test_every_check_can_fail(outcome):
    assert {section for section, *_ in FAULTS} == set(SECTIONS)
    for fault, error in zip(FAULTS, outcome["outcomes"], strict=True):
        assert error == "AssertionError", fault


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
