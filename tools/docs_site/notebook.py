"""A Jupyter notebook, with its outputs, as a page in Markdown."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

# An image of another server; its text says what it is.
_FOREIGN_IMAGE = re.compile(r"!\[([^\]]*)\]\(https?://[^)]*\)")


def make_page(text: str, stem: str) -> tuple[str, dict[str, bytes]]:
    """The page of a notebook, and its images by path, relative to the page.

    An image of another server, such as Colab's badge, becomes its text.

    Args:
      text: the notebook's file, JSON of format 4.
      stem: the page's name without suffix, which begins the names of its images.
    """
    blocks: list[str] = []
    images: dict[str, bytes] = {}
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            blocks.append(_FOREIGN_IMAGE.sub(r"\1", source))
            continue
        blocks.append(f"```python\n{source}\n```")
        printed = ""
        for output in cell.get("outputs", []):
            data: dict[str, Any] = output.get("data", {})
            if "image/png" in data:
                path = f"images/{stem}-{len(images) + 1}.png"
                images[path] = base64.b64decode("".join(data["image/png"]))
                blocks.append(f"![what the code above draws]({path})")
            else:
                printed += "".join(output.get("text", data.get("text/plain", "")))
        if printed:
            blocks.append(f"```text\n{printed.rstrip()}\n```")
    return "\n\n".join(blocks) + "\n", images
