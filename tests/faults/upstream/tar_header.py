"""Python: `tarfile` ends at a damaged header as at the end of the archive.

The members after it are missing without an error (python/cpython#120740). Here the
converter reads the headers itself and refuses the archive with the byte's place.
"""

import io
import sys
import tarfile

stream = io.BytesIO()
with tarfile.open(fileobj=stream, mode="w") as tar:
    for number in range(10):
        tar.addfile(tarfile.TarInfo(f"image{number}"))
data = bytearray(stream.getvalue())
data[5 * 512] ^= 1  # a bit of the sixth name
with tarfile.open(fileobj=io.BytesIO(data)) as tar:
    found = len(tar.getnames())
print(f"{found} of 10 members, and no error")
sys.exit(found == 10)
