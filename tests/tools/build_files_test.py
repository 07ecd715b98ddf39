"""tools.build_files: BUILD files that say what the imports say."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

from tests import scripts
from tools import checkout_modules

build_files = scripts.import_script("tools.build_files")

CHECKOUT = pathlib.Path(__file__).parents[2]


def _write(root: pathlib.Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _deps(root: pathlib.Path, name: str) -> list[str]:
    modules = checkout_modules.read_modules(root)
    return build_files.compute_deps(modules[name], modules)


def test_the_checkout_agrees_with_its_imports():
    different = build_files.find_differences(CHECKOUT)
    assert not different, "run: python tools/build_files.py"


def test_no_package_has_two_targets_of_one_name():
    for path, text in build_files.make_build_files(CHECKOUT).items():
        names = re.findall(r'^    name = "(.*)",$', text, re.MULTILINE)
        assert len(names) == len(set(names)), path


def test_library_depends_on_what_it_imports(tmp_path):
    _write(
        tmp_path,
        {
            "tfrecords/__init__.py": "",
            "tfrecords/errors.py": "",
            "tfrecords/npz.py": "import os\nimport numpy as np\n"
            "def load():\n    from tfrecords import errors, __version__\n",
            "alexnet_tf/__init__.py": "",
            "alexnet_tf/train.py": "import tfrecords.npz\n",
        },
    )
    # Within its package a library leaves out the package's __init__ unless it names
    # something in it, as here; from outside both come along.
    assert _deps(tmp_path, "tfrecords.npz") == [":errors", ":tfrecords"]
    assert _deps(tmp_path, "alexnet_tf.train") == ["//tfrecords", "//tfrecords:npz"]
    text = build_files.make_build_files(tmp_path)["tfrecords/BUILD"]
    assert "# From pip: numpy." in text


def test_package_that_imports_its_own_modules_makes_no_cycle(tmp_path):
    _write(
        tmp_path,
        {
            "alexnet_tf/__init__.py": "",
            "alexnet_tf/config.py": "",
            "alexnet_tf/experiments/__init__.py": "from alexnet_tf.experiments "
            "import sample\n",
            "alexnet_tf/experiments/sample.py": "from alexnet_tf import config\n",
            "tests/alexnet_tf/experiments_test.py": "from alexnet_tf.experiments "
            "import sample\n",
        },
    )
    assert _deps(tmp_path, "alexnet_tf.experiments") == [":sample"]
    assert _deps(tmp_path, "alexnet_tf.experiments.sample") == ["//alexnet_tf:config"]
    assert _deps(tmp_path, "tests.alexnet_tf.experiments_test") == [
        "//alexnet_tf",
        "//alexnet_tf/experiments",
        "//alexnet_tf/experiments:sample",
    ]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("def run(): pass\n", "py_library"),
        ('def run(): pass\nif __name__ == "__main__":\n    run()\n', "py_binary"),
    ],
)
def test_a_script_is_a_binary(tmp_path, text, rule):
    _write(tmp_path, {"tfrecords/__init__.py": "", "tfrecords/index.py": text})
    build = build_files.make_build_files(tmp_path)["tfrecords/BUILD"]
    assert f'{rule}(\n    name = "index",' in build


def test_a_test_depends_on_modules_it_starts_as_processes(tmp_path):
    _write(
        tmp_path,
        {
            "tfrecords/__init__.py": "",
            "tfrecords/commands/__init__.py": "",
            "tfrecords/commands/index.py": "",
            "tfrecords/npz.py": "",
            "tests/tfrecords/commands/index_test.py": '"""tfrecords.npz"""\n'
            'RUN = ["-m", "tfrecords.commands.index"]\n',
        },
    )
    assert _deps(tmp_path, "tests.tfrecords.commands.index_test") == [
        "//tfrecords",
        "//tfrecords/commands",
        "//tfrecords/commands:index",
    ]


def test_slow_tests_get_more_time_and_a_tag(tmp_path):
    mark = "import pytest\n@pytest.mark.slow\ndef test_one(): pass\n"
    _write(
        tmp_path,
        {
            "tests/all_test.py": mark,
            "tests/some_test.py": mark + "def test_two(): pass\n",
            "tests/none_test.py": "def test_two(): pass\n",
        },
    )
    targets = build_files.make_build_files(tmp_path)["tests/BUILD"].split("py_test(")
    by_name = {target.split('"')[1]: target for target in targets[1:]}
    assert 'timeout = "long"' in by_name["all_test"]
    assert 'tags = ["slow"]' in by_name["all_test"]
    assert 'timeout = "long"' in by_name["some_test"]
    assert "tags" not in by_name["some_test"]
    assert 'timeout = "moderate"' in by_name["none_test"]


def test_data_beside_the_tests_is_a_target_of_what_names_it(tmp_path):
    _write(
        tmp_path,
        {
            "tests/golden/sheet.json": "{}",
            "tests/sheet_test.py": "PATH = 'golden/sheet.json'\n",
        },
    )
    (tmp_path / "tests/testdata").mkdir()
    texts = build_files.make_build_files(tmp_path)
    assert 'name = "golden",\n    srcs = glob(["golden/**"])' in texts["tests/BUILD"]
    assert '"//tests:golden",' in texts["tests/BUILD"]
    # The test of the BUILD files sees the folder under Bazel too.
    assert '"//tests:golden",' in texts["BUILD"]
    # git keeps no empty folder.
    assert "testdata" not in texts["tests/BUILD"]


def test_differences_are_missing_stale_and_left_over_files(tmp_path):
    _write(tmp_path, {"tfrecords/npz.py": "", "tests/npz_test.py": ""})
    for name, text in build_files.make_build_files(tmp_path).items():
        _write(tmp_path, {name: text})
    assert build_files.find_differences(tmp_path) == []
    _write(tmp_path, {"tfrecords/npz.py": "import numpy\n", "tools/BUILD": ""})
    (tmp_path / "tests/BUILD").unlink()
    assert build_files.find_differences(tmp_path) == [
        "tests/BUILD",
        "tfrecords/BUILD",
        "tools/BUILD",
    ]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
