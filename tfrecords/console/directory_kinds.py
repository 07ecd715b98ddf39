"""What a directory is that was given in place of another: a run, an export, data.

Only the names of its files are looked at, so that the commands' errors can say it
without loading anything.
"""

from __future__ import annotations

import os

DATA, RUN, EXPORT = "a data directory", "a run's workdir", "an export"
SEARCH, FEATURES = "the directory of a search", "the directory of features"

# Of each kind a file that no other has.
_MARKS = {
    "manifest.json": DATA,
    "run.json": RUN,
    "search.json": SEARCH,
    "build.json": FEATURES,
    "saved_model.pb": EXPORT,
    os.path.join("assets.extra", "export.json"): EXPORT,
}


def recognize(path: str) -> str | None:
    """The kind of directory `path` is, one of the constants above; None for others.

    An export is a version or the directory of the versions 1, 2, ...
    """
    for name, kind in _MARKS.items():
        if os.path.exists(os.path.join(path, name)):
            return kind
    try:
        versions = [name for name in os.listdir(path) if name.isdecimal()]
    except OSError:
        return None
    is_export = any(recognize(os.path.join(path, name)) == EXPORT for name in versions)
    return EXPORT if is_export else None
