"""Scripts with flags, imported for their functions."""

from __future__ import annotations

import importlib
from types import ModuleType

from absl import flags


def import_script(name: str) -> ModuleType:
    """Imports the module `name` and removes its flags from absl's table.

    Two scripts may have a flag of one name, but one process may not.
    """
    before = set(flags.FLAGS)
    module = importlib.import_module(name)
    for flag in set(flags.FLAGS) - before:
        delattr(flags.FLAGS, flag)
    return module
