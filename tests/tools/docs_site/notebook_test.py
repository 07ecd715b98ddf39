"""Tests of `tools.docs_site.notebook`, on a small notebook."""

from __future__ import annotations

import base64
import json
import sys

import pytest

from tools.docs_site import notebook

PNG = b"\x89PNG, in part"
CELLS = [
    {"cell_type": "markdown", "source": ["# Title\n", "text"]},
    {"cell_type": "code", "source": ["a = 1"], "outputs": []},
    {
        "cell_type": "code",
        "source": ["print(a)\n", "draw()"],
        "outputs": [
            {"output_type": "stream", "text": ["1\n"]},
            {
                "output_type": "display_data",
                "data": {
                    "image/png": base64.b64encode(PNG).decode(),
                    "text/plain": ["<Figure>"],
                },
            },
            {"output_type": "execute_result", "data": {"text/plain": ["2"]}},
        ],
    },
]

PAGE = """\
# Title
text

```python
a = 1
```

```python
print(a)
draw()
```

![what the code above draws](images/tour-1.png)

```text
1
2
```
"""


def test_cells_and_outputs_become_a_page():
    page, images = notebook.make_page(json.dumps({"cells": CELLS}), "tour")
    assert page == PAGE
    assert images == {"images/tour-1.png": PNG}


def test_an_image_of_another_server_becomes_its_text():
    badge = "[![Open in Colab](https://a.b/badge.svg)](https://a.b/) ![ours](a.png)"
    cell = {"cell_type": "markdown", "source": [badge]}
    page, _ = notebook.make_page(json.dumps({"cells": [cell]}), "tour")
    assert page == "[Open in Colab](https://a.b/) ![ours](a.png)\n"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
