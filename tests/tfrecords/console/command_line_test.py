"""Help, wrong flags, errors and exit codes, each in a process of its own."""

import re
import subprocess
import sys
import textwrap

import pytest

from tests import processes

PROGRAM = """
import sys
from absl import flags
from tfrecords.console import command_line
from tfrecords import errors
_SIZE = flags.DEFINE_integer("size", 3, "How many.", lower_bound=1)
_NAME = flags.DEFINE_string("name", None, "Whose.")
flags.DEFINE_integer("config.depth", 1, "A setting.")
flags.DEFINE_bool("again", False, "Once more.")
def main():
    BODY
def run():
    command_line.run(main, __name__, "Does a thing.\\n\\n  prog --size=2", POSITIONAL)
if __name__ == "__main__":
    run()
"""


@pytest.fixture
def run_program(tmp_path):
    def run(
        *arguments,
        body="print(_SIZE.value, _NAME.value)",
        positional=None,
        preamble="",
        synopsis=None,
    ):
        path = tmp_path / "prog.py"
        source = PROGRAM.replace("BODY", textwrap.indent(body, "    ").strip())
        source = source.replace("def main", f"{preamble}\ndef main")
        if synopsis:
            source = re.sub(r'"Does a thing.*POSITIONAL', synopsis, source)
        path.write_text(source.replace("POSITIONAL", repr(positional)))
        return processes.run_python(path, *arguments)

    return run


def check_sentence(result, code, *parts):
    assert result.returncode == code, result
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr


@pytest.mark.parametrize("flag", ["--help", "-h", "-help", "--helpfull"])
def test_help_shows_our_flags_first_and_exits_with_0(run_program, flag):
    result = run_program(flag)
    assert result.returncode == 0
    assert result.stderr == ""
    text = result.stdout
    places = [
        text.index(part)
        for part in (
            "Does a thing.",
            "--size (default 3)\n      How many.",
            "--name\n      Whose.",
            "--again",
            "Settings",
            "--config.depth",
            "From absl:",
            "--verbosity",
        )
    ]
    assert places == sorted(places)


def test_help_says_the_exit_codes_once(run_program):
    text = run_program("--help").stdout
    assert "\n\nExit codes: 0 success, 2 wrong usage or bad input, 4 storage" in text
    # A synopsis that says them itself is not added to.
    argument = '"Does it. Exit codes: 0 done.", POSITIONAL'
    text = run_program("--help", synopsis=argument).stdout
    assert text.count("Exit codes:") == 1


def test_flags_are_read(run_program):
    result = run_program("--size=5", "--name", "a")
    assert (result.returncode, result.stdout) == (0, "5 a\n")


def test_wrong_flags_exit_with_2_and_the_nearest_name(run_program):
    check_sentence(run_program("--sise=5"), 2, "prog.py:", "Did you mean: size")
    for name in ("config.width", "confg.model.width", "config.model.widht"):
        result = run_program(
            f"--{name}=5",
            preamble="for name in ('config.model.width', 'set_width', 'config.widen'):"
            " flags.DEFINE_float(name, 1, 'How wide.')",
        )
        check_sentence(result, 2, f"'{name}'. Did you mean: config.model.width ?")
    check_sentence(run_program("--size=big"), 2, "size", "big")
    check_sentence(run_program("--size=0"), 2, "size", "0")
    check_sentence(run_program("--size"), 2, "size")
    check_sentence(
        run_program("--size=2", preamble="flags.mark_flag_as_required('name')"),
        2,
        "prog.py: --name is missing. (",
    )
    check_sentence(run_program("extra"), 2, "'extra' is not a flag")
    check_sentence(run_program("--size=2", "extra", "--again"), 2, "'extra'")


def test_an_earlier_name_of_a_flag_works_and_is_not_shown(run_program):
    alias = "flags.DEFINE_alias('old_size', 'size')"
    result = run_program("--old_size=5", "--name=a", preamble=alias)
    assert (result.returncode, result.stdout) == (0, "5 a\n")
    text = run_program("--help", preamble=alias).stdout
    assert "--size" in text and "old_size" not in text


def test_one_flag_may_be_given_without_its_name(run_program):
    for arguments in (["D"], ["D", "--size=5"], ["--size=5", "D"], ["--", "D"]):
        result = run_program(*arguments, positional="name")
        assert result.returncode == 0
        assert result.stdout == f"{5 if '--size=5' in arguments else 3} D\n"
    assert run_program("--name=E", positional="name").stdout == "3 E\n"
    check_sentence(run_program("D", "E", positional="name"), 2, "'E' is not a flag")
    check_sentence(
        run_program("D", "--name=E", positional="name"), 2, "'D' is not a flag"
    )


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ("errors.UserError('why')", 2),
        ("errors.DataError('why')", 2),
        ("errors.NotFiniteError('why')", 3),
        ("errors.StorageError('why')", 4),
        ("errors.InUseError('why')", 5),
        ("errors.Interrupted('why', 15)", 143),
        ("errors.Interrupted('why', 2)", 130),
    ],
)
def test_a_sentence_is_printed_and_its_code_returned(run_program, raised, code):
    result = run_program(body=f"raise {raised}")
    check_sentence(result, code, "prog.py: why\n")


def test_an_interrupt_exits_with_130(run_program):
    check_sentence(run_program(body="raise KeyboardInterrupt"), 130, "interrupted")


def test_our_own_mistakes_keep_their_traceback(run_program):
    result = run_program(body="raise ZeroDivisionError")
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr


def test_mains_number_is_the_exit_code(run_program):
    assert run_program(body="return 7").returncode == 7
    assert run_program(body="return None").returncode == 0


def test_a_reader_that_goes_away_is_no_error(tmp_path, run_program):
    run_program("--help")  # writes prog.py
    body = "for i in range(10**5): print(i)"
    run_program("--help", body=body)
    result = subprocess.run(
        f"{sys.executable} {tmp_path}/prog.py | head -n 1; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
        env=processes.make_environment(),
    )
    assert result.stdout == "0\n0\n"
    assert result.stderr == ""


def test_nothing_here_imports_tensorflow():
    code = (
        "import sys, pkgutil, importlib, tfrecords\n"
        "for m in pkgutil.walk_packages(tfrecords.__path__, 'tfrecords.'):\n"
        # The pipeline runs in a process of its own, and needs the extra beam.
        "    if '.commands.' in m.name or m.name.endswith('beam.pipeline'): continue\n"
        "    importlib.import_module(m.name)\n"
        "assert 'tfrecords.shards.schema' in sys.modules\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    result = processes.run_python("-c", code)
    assert result.returncode == 0, result.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
