"""Arrays as JSON values: a type, a shape, and base64 text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np


def encode(array: np.ndarray) -> dict[str, Any]:
    """An array as JSON values; `decode` reverses it."""
    data = base64.b64encode(array.tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def decode(values: Mapping[str, Any]) -> np.ndarray:
    """The array that `encode` made JSON values of."""
    data = base64.b64decode(values["data"])
    return np.frombuffer(data, values["dtype"]).reshape(values["shape"])
