"""Names that a package exports without importing its modules.

`from alexnet_tf.config import override` must not import TensorFlow, and neither may any
other import of that package. So a package's `__init__` imports nothing: its
`__getattr__`, made here, imports a name's module when the name is first used.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def make_getattr(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose `__name__` is `package`.

    `places` says where each name is: its module in the package ("build"), or the module
    and another name there ("trained_network.load"). Other names raise `AttributeError`.
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = places[name].partition(".")
        found = importlib.import_module(f"{package}.{module}")
        value = getattr(found, attribute or name)
        # The next access does not come here.
        setattr(sys.modules[package], name, value)
        return value

    return get
