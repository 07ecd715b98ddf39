"""Every figure is in the format of its suffix; other suffixes are refused at once."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

from tests import forked_processes
from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[1]

# The flag of a figure, with the flags that the program needs besides.
FIGURES = {
    "alexnet_tf.commands.predict": ("plot", ["--workdir=w", "a.png"]),
    "alexnet_tf.commands.retrieve": ("plot", ["query"]),
    "tools.benchmark": ("plot", ["growth"]),
    "tools.plot_curves": ("output", ["--workdirs=w"]),
    "tools.plot_kernels": ("output", ["--workdir=w"]),
    "tools.plot_network": ("output", []),
    "tools.plot_sample": ("output", []),
    "tools.plot_towers": ("output", []),
}


@pytest.mark.parametrize("module", FIGURES)
def test_other_suffixes_are_refused_at_once(module, tmp_path):
    flag, others = FIGURES[module]
    arguments = [*others, f"--{flag}=figure.jpg"]
    done = forked_processes.run_python("-m", module, *arguments, cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    for fact in (f"--{flag}", "figure.jpg", ".png", ".pdf", ".svg"):
        assert fact in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_figure_is_missing_above_or_written_otherwise():
    programs, writers = set(), set()
    for name, module in checkout_modules.read_modules(CHECKOUT).items():
        if not name.startswith("tests."):
            path = CHECKOUT / module.folder / f"{module.stem}.py"
            text = path.read_text(encoding="utf-8")
            if re.search(r"suffixes=matplotlib_defaults|define_figure\(", text):
                programs.add(name)
            if re.search(r"\.savefig\(", text):
                writers.add(name)
    assert {name for name in programs if "shared_flags" not in name} == {*FIGURES}
    assert {f"tools.{p.stem}" for p in CHECKOUT.glob("tools/plot_*.py")} < {*FIGURES}
    assert writers == {"alexnet_tf.figures.matplotlib_defaults"}


@pytest.mark.parametrize("suffix, start", [("pdf", b"%PDF-"), ("svg", b"<?xml")])
def test_the_sheet_of_the_sample_is_in_the_format_of_its_suffix(
    suffix, start, tmp_path
):
    arguments = ["--per_class=1", f"--output=sheet.{suffix}"]
    done = forked_processes.run_python(
        "-m", "tools.plot_sample", *arguments, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"sheet.{suffix}").read_bytes().startswith(start)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
