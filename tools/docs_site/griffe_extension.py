"""What mkdocstrings' parser, griffe, is told of our docstrings and fields."""

from __future__ import annotations

import ast
from typing import Any

import griffe

from tools.docs_site import comments, docstrings


class PlainText(griffe.Extension):
    """Turns docstrings to Markdown, and what is said of a field to its docstring."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Changes the docstring of any module, class or function that was read."""
        if obj.docstring is not None:
            obj.docstring.value = docstrings.make_markdown(obj.docstring.value)

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Gives an attribute without a docstring the text that says what it is.

        That is the second argument of `setting(default, text, ...)`, whose first
        becomes the attribute's value, or the comment beside or above the attribute.
        This comes before griffe makes the signatures of dataclasses.
        """
        if attr.docstring is not None or not attr.lineno or not attr.endlineno:
            return
        value = attr.value
        if isinstance(value, griffe.ExprCall) and str(value.function) == "setting":
            default, text, *_more = value.arguments
            attr.value = default
            text = ast.literal_eval(str(text))
        else:
            lines = attr.lines_collection[attr.filepath]
            text = comments.find(lines, attr.lineno, attr.endlineno)
        if text:
            attr.docstring = griffe.Docstring(text, lineno=attr.lineno, parent=attr)
