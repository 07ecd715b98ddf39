"""tools.checkout_modules: what a module's text says of it."""

from __future__ import annotations

import sys

import pytest

from tools import checkout_modules

HELPER = "def make(): pass\n"
MAIN = 'if __name__ == "__main__":\n    run()\n'


@pytest.fixture
def read(tmp_path):
    """Writes `text` as `path` beside a few other modules; returns its Module."""

    def read(path, text):
        files = {
            "tfrecords/__init__.py": "",
            "tfrecords/errors.py": "",
            "tfrecords/commands/__init__.py": "",
            "tfrecords/commands/index.py": MAIN,
            "tests/testdata/sheet.py": "import nothing_of_ours\n",
            path: text,
        }
        for name, content in files.items():
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        modules = checkout_modules.read_modules(tmp_path)
        assert "tests.testdata.sheet" not in modules
        name = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        return modules[name]

    return read


@pytest.mark.parametrize(
    ("text", "imports"),
    [
        ("import tfrecords.errors", {"tfrecords.errors"}),
        ("from tfrecords import errors", {"tfrecords.errors"}),
        ("from tfrecords.errors import UserError", {"tfrecords.errors"}),
        ("from tfrecords import __version__", {"tfrecords"}),
        ("def f():\n    import tfrecords.errors", {"tfrecords.errors"}),
        ("NAME = 'tfrecords.errors'", set()),
        ("import os, tfrecordsx", set()),
    ],
)
def test_imports(read, text, imports):
    assert read("tfrecords/index.py", text).imports == imports


def test_users_are_found_through_the_modules_between(tmp_path):
    for name, text in {
        "tfrecords/schema.py": "def parse():\n    import tensorflow as tf\n",
        "tfrecords/index.py": "from tfrecords import schema\n",
        "tfrecords/errors.py": "import os\n",
        "tests/index_test.py": "RUN = 'import tfrecords.index'\n",
        "tests/errors_test.py": "from tfrecords import errors\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    modules = checkout_modules.read_modules(tmp_path)
    assert checkout_modules.find_users(modules, {"tensorflow"}) == {
        "tfrecords.schema",
        "tfrecords.index",
        "tests.index_test",
    }


def test_third_party_leaves_out_the_standard_library(read):
    text = "import os, numpy as np\nfrom PIL import Image\nimport tfrecords\n"
    assert read("tfrecords/index.py", text).third_party == {"numpy", "PIL"}


@pytest.mark.parametrize(
    "text",
    [
        "RUN = ['-m', 'tfrecords.commands.index']",
        "CODE = 'from tfrecords.commands import index; index.run()'",
    ],
)
def test_a_test_imports_what_its_processes_run(read, text):
    module = read("tests/tfrecords/index_test.py", text)
    assert "tfrecords.commands.index" in module.imports
    assert "tfrecords.errors" not in module.imports


def test_a_test_imports_the_module_beside_it(read):
    read("tests/tfrecords/drawn_source.py", HELPER)
    module = read("tests/tfrecords/plan_test.py", "import drawn_source, numpy")
    assert module.imports == {"tests.tfrecords.drawn_source"}
    assert module.third_party == {"numpy"}


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        ("tfrecords/index.py", HELPER, "py_library"),
        ("tfrecords/commands/convert.py", HELPER + MAIN, "py_binary"),
        ("tests/index_test.py", HELPER + MAIN, "py_test"),
        ("tests/builders.py", HELPER, "py_library"),
    ],
)
def test_rule(read, path, text, rule):
    assert read(path, text).rule == rule


def test_names(read):
    package = read("tfrecords/sources/__init__.py", "")
    assert (package.name, package.label) == ("tfrecords.sources", "//tfrecords/sources")
    module = read("tfrecords/sources/folder.py", "")
    assert module.name == "tfrecords.sources.folder"
    assert module.label == "//tfrecords/sources:folder"


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", ()),
        ("CHECKOUT = 1", ("//:checkout",)),
        ("PATH = 'testdata/sheet.png'", ("//tests:testdata",)),
        ("PATH = 'golden/sheet.png'", ()),
    ],
)
def test_data_of_a_test(read, text, data):
    module = read("tests/index_test.py", text)
    assert set(module.data) == {"//:pyproject.toml", *data}


@pytest.mark.parametrize(
    ("text", "slow"),
    [
        ("def test_a(): pass", "none"),
        ("@pytest.mark.slow\ndef test_a(): pass", "all"),
        ("@pytest.mark.slow\ndef test_a(): pass\ndef test_b(): pass", "some"),
        ("pytestmark = pytest.mark.slow\ndef test_a(): pass", "all"),
    ],
)
def test_slow_marks(read, text, slow):
    assert read("tests/index_test.py", text).slow == slow


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
