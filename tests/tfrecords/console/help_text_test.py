"""The text of --help and --helpfull, with settings by topic."""

from __future__ import annotations

import sys

import pytest

from tests import processes

PROGRAM = """\
import sys
from absl import flags, logging
from tfrecords.console import help_text
flags.DEFINE_string("data_dir", None, "Where.", module_name="here")
flags.DEFINE_integer("config.seed", 0, "First number.", module_name="here")
flags.DEFINE_integer("config.size", 3, "How many.", module_name="here")
flags.DEFINE_float("config.model.width", 1.0, "How wide.", module_name="here")
flags.DEFINE_float("config.other.rate", 1.0, "How fast.", module_name="here")
flags.DEFINE_multi_string("words", [], "Many words.", module_name="here")
flags.DEFINE_alias("old_dir", "data_dir", module_name="here")
settings = help_text.Settings({"model": "The model", "": "Run"}, ("model.width",))
print(help_text.make_help("here", "Does.", settings, is_full=sys.argv[1] == "full"))
"""


def make_help(kind):
    result = processes.run_python("-c", PROGRAM, kind)
    assert result.returncode == 0, result.stderr
    assert "old_dir" not in result.stdout
    return result.stdout


def assert_in_order(text, *parts):
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_help_describes_the_first_settings_and_names_the_others():
    text = make_help("short")
    assert "Many words.; repeat this option to specify a list of values\n" in text
    described = "--config.model.width (default 1.0)\n      How wide."
    assert_in_order(
        text, "--data_dir", described, "--helpfull", "--config.  seed size", "rate"
    )
    assert "How many." not in text and "How fast." not in text
    assert "--config.other.  rate" in text
    assert "--verbosity" in text and "--showprefixforinfo" not in text


def test_full_help_describes_every_setting_by_topic():
    text = make_help("full")
    assert_in_order(
        text,
        *(
            "--data_dir",
            "The model:",
            "How wide.",
            "Run:",
            "First number.",
            "How many.",
        ),
        *("other:", "--config.other.rate", "How fast.", "--showprefixforinfo"),
    )


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
