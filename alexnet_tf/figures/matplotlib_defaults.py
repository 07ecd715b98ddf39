"""matplotlib as it is installed, whatever style the user has set for other figures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def default_style() -> Iterator[None]:
    """Draws inside, or in a function so decorated, with matplotlib's own defaults.

    A `matplotlibrc` in the home or working directory may ask for LaTeX, other sizes or
    colours. The user's style is back after it.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield
