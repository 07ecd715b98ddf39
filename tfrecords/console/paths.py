"""Paths as users write them: `~` is expanded, and URLs are refused."""

from __future__ import annotations

import os
import re

from tfrecords import errors

# For these schemes one slash is enough: path libraries remove the second one, and
# dbfs:/ is written with one.
_SCHEMES = (
    "abfs|abfss|az|adl|dbfs|file|ftp|ftps|gcs|gs|hdfs|hf|http|https|oss|s3|s3a|s3n|"
    "sftp|ssh|viewfs|wasb|wasbs|webhdfs"
)
_URL = re.compile(rf"([A-Za-z][A-Za-z0-9+.-]*)://|({_SCHEMES}):/", re.IGNORECASE)


def expand(path: str) -> str:
    """`path` with a leading `~` or `~user` replaced by the home directory.

    A shell does not expand `--data_dir=~/data`, nor paths in a settings file. Raises
    `UserError` for a URL, naming its scheme, and for the home of an unknown user.
    """
    found = _URL.match(path)
    if found:
        scheme = found[1] or found[2]
        remedy = "Copy or mount the data, and give the path."
        if scheme.lower() == "file":
            remedy = "Leave out what comes before the path."
        raise errors.UserError(
            f"{path} is a URL, and {scheme}: is not supported; only paths on this "
            f"machine's file systems are. {remedy}"
        )
    expanded = os.path.expanduser(path)
    # A file's name may begin with that character: ~$notes.jpg.
    if path.startswith("~") and expanded == path and not os.path.lexists(path):
        user = path[1:].partition("/")[0]
        raise errors.UserError(
            f"{path} stands for the home directory of {user or 'this user'}, which is "
            f"unknown. Write the full path, or ./{path} for a file of that name."
        )
    return expanded
