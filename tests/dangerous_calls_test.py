"""No shipped module calls what is dangerous with foreign files, or loses data."""

from __future__ import annotations

import ast
import pathlib
import sys
from collections.abc import Iterator

import pytest

from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[1]
MODULES = checkout_modules.read_modules(CHECKOUT)
SHIPPED = sorted(name for name in MODULES if not name.startswith("tests."))

# Calls that are harmless where they stand, each with its reason.
HARMLESS = {
    (
        "alexnet_tf.export.saved_model",
        "ignore_errors",
    ): "its data set holds a single image",
    (
        "tfrecords.conversion.beam.job_files",
        "pickle.loads",
    ): "its driver wrote the file: the digest comes with the pipeline",
}


def _path(name: str) -> pathlib.Path:
    module = MODULES[name]
    return CHECKOUT / module.folder / f"{module.stem}.py"


def _find_faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of what is dangerous with files of others (or loses data)."""
    calls = {
        "eval",
        "exec",
        "os.popen",
        "os.system",
        "pickle.load",
        "pickle.loads",
        "tempfile.mktemp",
        "yaml.load",
    }
    methods = {
        "extractall": "extracts what the archive says",
        "ignore_errors": "drops the rest of a shard at its first bad record",
        "load_model": "runs what the file says",
    }
    keywords = {("allow_pickle", True), ("shell", True), ("verify", False)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in calls:
                yield node.lineno, called
            if called.rpartition(".")[2] in methods:
                yield node.lineno, f"{called}, which {methods[called.split('.')[-1]]}"
            if called == "torch.load" and not any(
                keyword.arg == "weights_only" and ast.unparse(keyword.value) == "True"
                for keyword in node.keywords
            ):
                yield node.lineno, "torch.load without weights_only=True"
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", None)
                if (keyword.arg, value) in keywords and isinstance(value, bool):
                    yield node.lineno, f"{keyword.arg}={value}"
        if isinstance(node, ast.Constant) and node.value == "0.0.0.0":
            yield node.lineno, "a server that listens to everyone"
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if name in calls | {"torch.load"}:
                    yield node.lineno, name


def _is_call(fault: str, call: str) -> bool:
    """Whether a fault is of `call`, a method or a function's whole name."""
    return call == fault or f".{call}," in fault


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_dangerous_is_called(name):
    path = _path(name)
    allowed = [call for module, call in HARMLESS if module == name]
    faults = [
        f"{path}:{line}: {fault}"
        for line, fault in _find_faults(ast.parse(path.read_text(encoding="utf-8")))
        if not any(_is_call(fault, call) for call in allowed)
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "text",
    [
        "eval(text)",
        "exec(text)",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "np.load(path, allow_pickle=True)",
        "pickle.loads(data)",
        "from pickle import load",
        "yaml.load(text)",
        "tempfile.mktemp()",
        "archive.extractall(path)",
        "dataset.ignore_errors()",
        "tf.data.experimental.ignore_errors()",
        "keras.models.load_model(path)",
        "server.bind('0.0.0.0')",
        "requests.get(url, verify=False)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "from torch import load",
    ],
)
def test_dangerous_calls_are_found(text):
    assert list(_find_faults(ast.parse(text)))


def test_harmless_calls_are_not_found():
    text = "np.load(path, allow_pickle=False); shutil.rmtree(a, ignore_errors=True)"
    assert not list(_find_faults(ast.parse(text)))
    assert not list(_find_faults(ast.parse("torch.load(path, weights_only=True)")))


def test_exceptions_are_not_stale():
    for module, call in HARMLESS:
        tree = ast.parse(_path(module).read_text(encoding="utf-8"))
        faults = [fault for _, fault in _find_faults(tree)]
        assert any(_is_call(fault, call) for fault in faults), (module, call)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
