import getpass
import importlib.metadata
import importlib.util
import json
import os
import platform
import socket
import subprocess
import sys

import pytest

from alexnet_tf.runs import environment


def test_versions_and_hardware_are_this_machines(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    described = environment.describe(["GPU one"], 3, 1)
    assert json.loads(json.dumps(described)) == described
    assert described["python"] == platform.python_version()
    assert described["numpy"] == importlib.metadata.version("numpy")
    assert described["tensorflow"].count(".") == 2
    addons = importlib.util.find_spec("tensorflow_addons")
    assert (described["tensorflow_addons"] is not None) == (addons is not None)
    assert described["cores"] in range(1, os.cpu_count() + 1)
    assert described["memory_bytes"] > 1 << 28
    assert described["cpu"]
    assert described["accelerators"] == ["GPU one"]
    assert (described["intra_op_threads"], described["inter_op_threads"]) == (3, 1)
    assert described["onednn"] == "0"
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    assert environment.describe()["onednn"] == "default"


def test_neither_host_nor_user_is_named():
    words = json.dumps(environment.describe())
    assert socket.gethostname() not in words
    assert os.path.expanduser("~") not in words
    if len(getpass.getuser()) > 4:
        assert getpass.getuser() not in words


def test_tensorflow_is_not_imported():
    code = (
        "import sys; from alexnet_tf.runs import environment; environment.describe(); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(environment.__file__)))
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


@pytest.mark.parametrize(
    "before, given, seen",
    [
        ("", None, "1"),
        ("", "0", "0"),
        # TensorFlow was imported earlier, so its settings are fixed.
        ("sys.modules['tensorflow'] = None; ", None, "default"),
    ],
)
@pytest.mark.parametrize("name", ["TF_ENABLE_ONEDNN_OPTS", "TF_CPU_ALLOCATOR_USE_BFC"])
def test_variables_of_tensorflow_are_set_unless_given(name, before, given, seen):
    code = (
        f"import os, sys; {before}import alexnet_tf; "
        f"print(os.environ.get({name!r}, 'default'))"
    )
    variables = {k: v for k, v in os.environ.items() if k != name}
    if given is not None:
        variables[name] = given
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(environment.__file__))),
        env=variables,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == seen


def test_the_pool_of_memory_ends_where_the_machines_does():
    code = "import os, alexnet_tf; print(os.environ['TF_CPU_BFC_MEM_LIMIT_IN_MB'])"
    name = "TF_CPU_BFC_MEM_LIMIT_IN_MB"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(environment.__file__))),
        env={k: v for k, v in os.environ.items() if k != name},
        capture_output=True,
        text=True,
    )
    assert int(done.stdout) == environment.describe()["memory_bytes"] >> 20


def test_the_revision_is_of_the_checkout_that_tracks_the_file(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *arguments],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    find = environment._find_git_revision
    file, foreign = tmp_path / "a" / "tracked.py", tmp_path / "a" / "foreign.py"
    file.parent.mkdir()
    file.write_text("1")
    foreign.write_text("1")
    assert find(str(file)) is None
    try:
        git("init", "-q")
    except FileNotFoundError:
        pytest.skip("git is not installed")
    git("add", "a/tracked.py")
    git("commit", "-qm", "first")
    git("tag", "v1")
    commit = git("rev-parse", "HEAD")
    assert find(str(file)) == commit
    # A package installed inside an unrelated checkout does not belong to it.
    assert find(str(foreign)) is None
    file.write_text("2")
    assert find(str(file)) == f"{commit}-dirty"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
