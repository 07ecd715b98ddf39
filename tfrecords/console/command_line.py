"""What all commands have in common: flags, help, errors and exit codes.

absl mixes its own flags with ours, exits with 1 after `--help` or a wrong flag, and
shows tracebacks. Here `--help` shows our flags first and exits with 0, `--version`
prints the version, a wrong flag exits with 2 and suggests the nearest name, and a
`UserError` is printed as a message.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from typing import IO, Any

from absl import app, flags, logging

import tfrecords
from tfrecords import errors, limits
from tfrecords.console import help_text, paths, printing, stop_signals, streams

_VERSION = "--version"
_HELP = ("--help", "-help", "-h")
_FULL_HELP = ("--helpfull", "-helpfull")
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# Overrides settings of the user that would change or break our programs: Keras fails on
# a keras.json that it cannot read, matplotlib on the display of another notebook.
_ENVIRONMENT = {"KERAS_HOME": f"{os.devnull}/keras", "MPLBACKEND": "agg"}


class TextParser(flags.ArgumentParser[str]):
    """The parser of a flag that takes any text.

    Args:
      suggestions: values that shell completion offers.
      kind: what the text should be: string, int, float.
    """

    def __init__(self, suggestions: Iterable[str] = (), kind: str = "string"):
        super().__init__()
        self.suggestions = tuple(suggestions)
        self._kind = kind

    def flag_type(self) -> str:
        return self._kind


class PathParser(TextParser):
    """The parser of a path: expands `~`, refuses URLs (`paths.expand`).

    Args:
      suggestions: values that shell completion offers.
      suffixes: the suffixes that the path may have, in lower case; by default any.
    """

    def __init__(self, suggestions: Iterable[str] = (), suffixes: tuple[str, ...] = ()):
        super().__init__(suggestions)
        self._suffixes = suffixes

    def parse(self, argument: str) -> str:
        path = _expand(super().parse(argument) or "")
        if self._suffixes and not path.lower().endswith(self._suffixes):
            raise ValueError(f"give a path that ends in {', '.join(self._suffixes)}.")
        return path


class PathListParser(flags.ListParser):
    """The parser of paths separated by commas."""

    def parse(self, argument: str | list[str]) -> list[str]:
        return [_expand(path) for path in super().parse(argument)]


def define_path(name: str, text: str, required: bool = False) -> Any:
    """Defines the flag of a path, by default None, for the module that calls this."""
    return flags.DEFINE(PathParser(), name, None, text, required=required)


# So that absl gives the flag to that module.
flags.disclaim_key_flags()


def _expand(path: str) -> str:
    try:
        return paths.expand(path)
    except errors.UserError as error:
        # absl prints it with the flag's name.
        raise ValueError(str(error)) from error


def run(
    main: Callable[[], int | None],
    module_name: str,
    synopsis: str,
    positional: str | None = None,
    prints_result: Callable[[], bool] = lambda: False,
    settings: help_text.Settings | None = None,
) -> None:
    """Parses the flags, calls `main` and exits the process.

    A signal that asks to stop is raised in `main` as `stop_signals.Terminated`.

    Args:
      main: the command; reads its flags, returns an exit code or None for 0.
      module_name: `__name__` of the module that defined the flags; they come first in
        the help.
      synopsis: the start of the help: what the command does and an example.
      positional: a flag that may be given without its name: `command D` for
        `command --data_dir=D`. A flag that may be repeated takes all such arguments.
      prints_result: called after the flags are read; whether the command's output is
        its result, so that losing it is an error. Otherwise a lost output does not
        affect the exit code.
      settings: how the help presents the flags `config.*`.
    """
    streams.take_streams()
    printing.escape_unencodable()
    os.environ.update(_ENVIRONMENT)

    def call() -> int | None:
        stop_signals.raise_on_signals()
        streams.set_output_is_work(prints_result())
        return main()

    app.run(
        lambda _: sys.exit(_call(call)),
        argv=sys.argv,
        flags_parser=lambda argv: parse_flags(
            argv, module_name, synopsis, positional, settings
        ),
    )


def parse_flags(
    argv: list[str],
    module_name: str,
    synopsis: str,
    positional: str | None = None,
    settings: help_text.Settings | None = None,
) -> list[str]:
    """Parses `argv` into `flags.FLAGS`; exits for help, version and wrong flags."""
    program = os.path.basename(argv[0])
    if _VERSION in argv[1:]:
        streams.set_output_is_work(True)
        sys.exit(_call(lambda: print(f"{program} {tfrecords.__version__}")))
    if asked := {*_HELP, *_FULL_HELP} & {*argv[1:]}:
        is_full = not asked.isdisjoint(_FULL_HELP)
        text = help_text.make_help(module_name, synopsis, settings, is_full)
        streams.set_output_is_work(True)
        sys.exit(_call(lambda: print(text)))
    # Flags may follow the positional argument.
    flags.FLAGS.set_gnu_getopt()
    try:
        rest = flags.FLAGS(argv)
        if positional and isinstance(flags.FLAGS[positional], flags.MultiFlag):
            flags.FLAGS[positional].parse(rest[1:])
            del rest[1:]
        elif positional and len(rest) > 1 and not flags.FLAGS[positional].present:
            flags.FLAGS[positional].parse(rest.pop(1))
    except flags.Error as error:
        # absl's sentence for a required flag: "flag --x=None: Flag --x must have ..."
        missing = re.match(r"flag --(\S+)=None: .* other than None", str(error))
        text = f"--{missing[1]} is missing." if missing else str(error)
        if isinstance(error, flags.UnrecognizedFlagError):
            text = _explain_unknown(error)
        print(f"{program}: {text} ({program} --help lists the flags.)", file=sys.stderr)
        sys.exit(2)
    if len(rest) > 1:
        text = f"{rest[1]!r} is not a flag. Flags are written --name=value."
        print(f"{program}: {text}", file=sys.stderr)
        sys.exit(2)
    return rest


def _explain_unknown(error: flags.UnrecognizedFlagError) -> str:
    """What to tell the user: of a name with dots, those with the same last part.

    absl compares whole names: for config.learning_rate it would propose
    set_learning_rate.
    """
    _, dot, last = error.flagname.rpartition(".")
    known: dict[str, list[str]] = {}
    for name in flags.FLAGS if dot else ():
        if "." in name:
            known.setdefault(name.rpartition(".")[2], []).append(name)
    near = difflib.get_close_matches(last, known, n=1, cutoff=0.7)
    if not near:
        return str(error)
    names = " or ".join(sorted(known[near[0]]))
    return f"Unknown command line flag '{error.flagname}'. Did you mean: {names} ?"


def _call(main: Callable[[], int | None]) -> int:
    program = os.path.basename(sys.argv[0])
    try:
        limits.prepare()
        try:
            return main() or 0
        finally:
            # A lost output must be noticed before the exit code is chosen.
            sys.stdout.flush()
    except errors.UserError as error:
        print(f"\n{program}: {error}", file=sys.stderr)
        return error.exit_code
    except streams.ReaderGoneError:
        return 0
    except stop_signals.Terminated as stop:
        name = signal.Signals(stop.signal_number).name
        print(f"\n{program}: stopped by {name}.", file=sys.stderr)
        return 128 + stop.signal_number
    except KeyboardInterrupt:
        print(f"\n{program}: interrupted.", file=sys.stderr)
        return 128 + signal.SIGINT
    except (OSError, MemoryError, RuntimeError, ImportError) as error:
        sentence = limits.explain(error)
        if sentence is None:
            raise
        print(f"\n{program}: {sentence}", file=sys.stderr)
        return errors.UserError.exit_code


def quiet_tensorflow() -> None:
    """Imports TensorFlow without its start-up messages, except errors.

    TensorFlow writes about libraries and missing GPUs to the descriptor of standard
    error before it reads any setting that would prevent this. The messages are shown if
    the import fails, or if the user has set TF_CPP_MIN_LOG_LEVEL below 2, which asks
    for warnings. Raises `UserError` if TensorFlow's threads cannot be started.
    """
    if os.environ.setdefault(_LOG_LEVEL, "2") in ("", "0", "1"):
        limits.check_threads()
        return
    logging.set_verbosity(logging.ERROR)
    sys.stderr.flush()
    descriptor = os.dup(2)
    with _open_scratch() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            import tensorflow as tf

            # The search for GPUs writes messages too if there are none.
            tf.config.list_physical_devices()
        except Exception:
            messages.seek(0)
            # Failing to show the messages must not hide the error.
            with contextlib.suppress(OSError):
                os.write(descriptor, messages.read())
            raise
        finally:
            os.dup2(descriptor, 2)
            os.close(descriptor)
    limits.check_threads()


def _open_scratch() -> IO[bytes]:
    # In memory if possible: a temporary directory may be full.
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("messages"), "w+b")
    return tempfile.TemporaryFile()
