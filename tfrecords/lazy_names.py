"""Names that a package exports without importing its modules.

`from alexnet_tf.config import override` must not import TensorFlow, and neither may any
other import of that package. So a package's `__init__` imports nothing: its
`__getattr__`, made here, imports a name's module when the name is first used.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any


def make_getattr(package: str, **names: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package, which raises `AttributeError` for other names.

    Args:
      package: the package's `__name__`.
      **names: by the module in the package, the names that it has, separated by spaces;
        "load_network=load" where the package exports one under another name.
    """
    places: dict[str, tuple[str, str]] = {}
    for module, listed in names.items():
        for entry in listed.split():
            exported, _, own = entry.partition("=")
            places[exported] = module, own or exported

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, own = places[name]
        value = getattr(importlib.import_module(f"{package}.{module}"), own)
        # The next access does not come here.
        setattr(sys.modules[package], name, value)
        return value

    return get
