"""Words of synsets, and the text files that hold such lists."""

import sys

import pytest

from tests import archives
from tests.tfrecords import data_sets
from tfrecords import errors
from tfrecords.sources import synset_words, text_files

WORDS = data_sets.WORDS


def test_words_come_from_either_file_and_only_for_synsets(tmp_path):
    names = list(WORDS)
    plain = synset_words.make_classes(names, str(tmp_path))
    assert [c.text for c in plain] == names
    for file_name, separator in (("words.txt", "\t"), ("LOC_synset_mapping.txt", " ")):
        lines = "".join(f"{n}{separator}{words}\r\n" for n, words in WORDS.items())
        archives.write_file(tmp_path, file_name, lines.encode())
        classes = synset_words.make_classes(names, str(tmp_path))
        assert {c.synset: c.text for c in classes} == WORDS
        (tmp_path / file_name).unlink()
    # Somebody's own file of that name.
    archives.write_file(tmp_path, "words.txt", b"of wisdom")
    assert synset_words.make_classes(["cat"], str(tmp_path))[0].text == "cat"
    with pytest.raises(errors.DataError, match=r"words\.txt, line 1: 'of wisdom'"):
        synset_words.make_classes(names, str(tmp_path))


def test_texts_are_utf8_and_small(tmp_path):
    path = archives.write_file(tmp_path, "a.txt", "\ufeffä\n".encode())
    assert text_files.read_text(path) == "ä\n"
    with pytest.raises(errors.DataError, match="larger than 4 bytes"):
        text_files.read_text(path, max_bytes=4)
    path = archives.write_file(tmp_path, "b.txt", b"ab\xff")
    with pytest.raises(errors.DataError, match=r"b\.txt, byte 2: .* UTF-8"):
        text_files.read_text(path)
    with pytest.raises(errors.DataError, match="is missing"):
        text_files.read_text(str(tmp_path / "c.txt"))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
