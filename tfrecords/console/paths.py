"""Paths as people write them: `~` is expanded, and a URL is not taken for a path."""

from __future__ import annotations

import os
import re

from tfrecords import errors

# Of these one slash is enough: path libraries take the other one away, and dbfs:/ is
# written so.
_SCHEMES = (
    "abfs|abfss|az|adl|dbfs|file|ftp|ftps|gcs|gs|hdfs|hf|http|https|oss|s3|s3a|s3n|"
    "sftp|ssh|viewfs|wasb|wasbs|webhdfs"
)
_URL = re.compile(rf"([A-Za-z][A-Za-z0-9+.-]*)://|({_SCHEMES}):/", re.IGNORECASE)


def expand(path: str) -> str:
    """`path` with the home directory in place of a leading `~` or `~user`.

    A shell leaves `--data_dir=~/data` as it is, and a settings file is read by none.

    Raises:
      UserError: for a URL, naming its scheme, and for the home of a user that does not
        exist.
    """
    found = _URL.match(path)
    if found:
        scheme = found[1] or found[2]
        remedy = "Copy or mount it, and name its path here."
        if scheme.lower() == "file":
            remedy = "Leave out what comes before the path."
        raise errors.UserError(
            f"{path} is a URL, and {scheme}: is not supported: only paths on this "
            f"machine's file systems are. {remedy}"
        )
    expanded = os.path.expanduser(path)
    # A file may begin with that sign: ~$notes.jpg.
    if path.startswith("~") and expanded == path and not os.path.lexists(path):
        user = path[1:].partition("/")[0]
        raise errors.UserError(
            f"{path} names the home directory of {user or 'this user'}, and none is "
            f"known. Write the directory's path, or ./{path} for one of that name here."
        )
    return expanded
