"""Home directories are expanded; URLs are refused by name."""

import os
import pwd
import sys

import pytest

from tfrecords import errors
from tfrecords.console import paths


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "path, expected",
    [
        ("~", "/home/somebody"),
        ("~/data", "/home/somebody/data"),
        ("~/photos/*.png", "/home/somebody/photos/*.png"),
        ("~root/data", f"{pwd.getpwnam('root').pw_dir}/data"),
        ("data", "data"),
        ("/data/~/x", "/data/~/x"),
        ("./~/x", "./~/x"),
        ("", ""),
        ("a:b/c", "a:b/c"),
        ("run:/1", "run:/1"),
        ("./gs://b", "./gs://b"),
        ("data/http://x", "data/http://x"),
    ],
)
def test_what_a_path_means(path, expected):
    assert paths.expand(path) == expected


@pytest.mark.parametrize(
    "url, scheme",
    [
        ("gs://bucket/data", "gs"),
        ("s3://bucket/data", "s3"),
        ("hdfs://host:9000/data", "hdfs"),
        ("https://host/data", "https"),
        ("HTTP://host/data", "HTTP"),
        ("new+scheme://x", "new+scheme"),
        # What pathlib makes of gs://bucket/data.
        ("gs:/bucket/data", "gs"),
        ("dbfs:/mnt/data", "dbfs"),
    ],
)
def test_urls_are_refused_by_name(url, scheme):
    with pytest.raises(errors.UserError) as raised:
        paths.expand(url)
    assert str(raised.value).startswith(url)
    assert f" {scheme}: " in str(raised.value)


def test_a_file_url_says_what_to_leave_out():
    with pytest.raises(errors.UserError, match="Leave out"):
        paths.expand("file:///data")


def test_a_user_that_there_is_not():
    with pytest.raises(errors.UserError, match="nobody-of-that-name"):
        paths.expand("~nobody-of-that-name/data")
    # What a shell's pattern found.
    name = "~nobody-of-that-name"
    with open(name, "w"):
        assert paths.expand(name) == name and os.path.exists(name)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
