"""Uses matplotlib's own defaults, independent of the user's style."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def default_style() -> Iterator[None]:
    """Applies matplotlib's own defaults within a context or a decorated function.

    A `matplotlibrc` in the home or working directory may set LaTeX, other sizes or
    colours. The user's style is restored afterwards.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield
