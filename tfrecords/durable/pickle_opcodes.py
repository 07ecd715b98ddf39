"""Checks the opcodes of an untrusted pickle before anything is unpickled.

An unpickler that admits no foreign class still obeys the pickle's opcodes: a few bytes
can make Python allocate gigabytes for a memo, or resize a buffer that is in use. Arrays
in lists, tuples and dictionaries need few opcodes.
"""

from __future__ import annotations

import pickletools
import re
from typing import IO, Any

# In every protocol.
_NEEDED = re.compile(
    "PROTO|FRAME|STOP|MARK|NONE|NEWTRUE|NEWFALSE|INT|BININT[12]?|LONG1?"
    "|TUPLE[123]?|EMPTY_(TUPLE|LIST|DICT)|LIST|APPENDS?|DICT|SETITEMS?"
    "|(SHORT_)?BIN(UNICODE|STRING|BYTES)|UNICODE|STRING|BINBYTES8|BYTEARRAY8"
    "|(STACK_)?GLOBAL|REDUCE|BUILD|MEMOIZE|(LONG_)?BIN(PUT|GET)|PUT|GET"
)
# Python allocates as many memo entries as the highest index needs.
_MAX_MEMO = 1 << 20


def check(stream: IO[bytes]) -> None:
    """Reads the pickle at the stream's position and returns to it.

    Raises `ValueError` if it is cut short, uses an opcode that arrays of numbers in
    lists, tuples and dictionaries do not need, or a memo index of 2^20 or more.
    """
    start = stream.tell()
    argument: Any
    for opcode, argument, _ in pickletools.genops(stream):
        if not _NEEDED.fullmatch(opcode.name):
            raise ValueError(f"it uses the opcode {opcode.name}")
        if opcode.name in ("PUT", "LONG_BINPUT") and argument >= _MAX_MEMO:
            raise ValueError(f"it uses the memo index {argument:,}")
    stream.seek(start)
