import dataclasses
import sys
from unittest import mock

import numpy as np
import pytest

from tests.tfrecords import drawn_source
from tfrecords import errors, stable_random
from tfrecords.conversion import plan

SIZES = {"train": 1000, "validation": 47}


def make_plan(source=None, **settings):
    source = source or drawn_source.DrawnSource(SIZES)
    return plan.make_plan(source, plan.ConvertSettings(**settings))


def test_every_image_is_in_one_shard_in_the_permutation_order():
    made = make_plan(seed=5, num_shards={"train": 7, "validation": 2})
    for split, stream, size in (("train", 0, 1000), ("validation", 1, 47)):
        shards = [shard for shard in made.shards if shard.split == split]
        rows = np.concatenate([shard.rows for shard in shards])
        expected = stable_random.make_permutation(size, 5, stream)
        np.testing.assert_array_equal(rows, expected)
        lengths = [len(shard.rows) for shard in shards]
        assert max(lengths) - min(lengths) <= 1
    assert made.num_images == 1047
    assert made.shards[6].name == "train-00006-of-00007"
    assert made.shards[7].name == "validation-00000-of-00002"


@pytest.mark.parametrize(
    "num_images, num_shards",
    [
        (1, 1),
        (199, 1),
        (200, 2),
        (4_800, 48),
        (50_000, 64),
        (640_640, 64),
        (640_641, 65),
        (1_281_167, 128),  # ImageNet's training split
        (14_197_122, 1419),
    ],
)
def test_number_of_shards_depends_on_the_count(num_images, num_shards):
    assert plan.choose_num_shards(num_images) == num_shards


def test_defaults_are_decided():
    made = make_plan()
    assert made.settings.max_rejects == 10  # 1 % of 1,047, rounded down
    assert made.settings.apply_orientation is False
    source = drawn_source.DrawnSource(SIZES)
    source.applies_orientation = True
    assert make_plan(source).settings.apply_orientation is True
    assert (
        make_plan(source, apply_orientation=False).settings.apply_orientation is False
    )
    assert make_plan(max_rejects=0).settings.max_rejects == 0


def test_equal_input_gives_equal_descriptions_and_max_rejects_is_no_part():
    assert make_plan().description == make_plan(max_rejects=3).description


@pytest.mark.parametrize(
    "settings, difference",
    [
        ({"seed": 1}, "seed: 0 there, 1 here"),
        ({"encoding": "raw"}, "encoding: jpeg there, raw here"),
        ({"image_size": 64}, "image_size: 256 there, 64 here"),
        (
            {"num_shards": {"train": 3}},
            "splits.train.num_shards: 10 there, 3 here",
        ),
        ({"apply_orientation": True}, "apply_orientation: False there, True here"),
        ({"max_pixels": 9}, "max_pixels: 64000000 there, 9 here"),
    ],
)
def test_a_setting_that_changes_the_bytes_is_named(settings, difference):
    found = plan.find_differences(
        make_plan().description, make_plan(**settings).description
    )
    assert found == [difference]


def test_the_authors_resizing_is_described_with_its_libraries(monkeypatch):
    versions = {"opencv": "4.9", "simplejpeg": "1.8"}
    monkeypatch.setattr(plan.turbo_jpeg, "find_versions", lambda: versions)
    # Directories from before there was a choice are gone on with.
    assert "resizing" not in make_plan().description
    assert plan.find_differences(
        make_plan().description, make_plan(resizing="authors").description
    ) == [
        "resizing: bicubic there, authors here",
        "versions.opencv: absent there, 4.9 here",
        "versions.simplejpeg: absent there, 1.8 here",
    ]


@pytest.mark.parametrize("module", ["cv2", "simplejpeg"])
def test_the_authors_resizing_asks_for_its_extra(module, monkeypatch):
    other = {"cv2": "simplejpeg", "simplejpeg": "cv2"}[module]
    monkeypatch.setitem(sys.modules, other, mock.MagicMock())
    monkeypatch.setitem(sys.modules, module, None)  # as if it was not there
    with pytest.raises(errors.UserError, match=r"alexnet-tf\[opencv\]") as caught:
        make_plan(resizing="authors")
    assert module in str(caught.value)


def test_every_setting_but_the_limit_of_rejects_is_described():
    made = make_plan()
    described = {*made.description, "resizing", "num_shards", "max_rejects"}
    for field in dataclasses.fields(plan.ConvertSettings):
        assert field.name in described


@pytest.mark.parametrize("column", ["filenames", "labels", "num_bytes"])
def test_another_list_of_images_is_another_plan(column):
    source = drawn_source.DrawnSource(SIZES)
    table = source.splits["train"]
    changed = getattr(table, column).copy()
    changed[17] = changed[18]
    source.splits["train"] = dataclasses.replace(table, **{column: changed})
    found = plan.find_differences(
        make_plan().description, make_plan(source).description
    )
    assert found == ["other splits.train.images"]


def test_other_classes_or_source_settings_are_another_plan():
    source = drawn_source.DrawnSource(SIZES)
    source.classes = source.classes[::-1]
    source.settings = {"kind": "noise", "seed": 3}
    found = plan.find_differences(
        make_plan().description, make_plan(source).description
    )
    assert found[0] == "other classes"
    assert found[1:] == ["source_settings.seed: absent there, 3 here"]


def test_an_empty_split_is_left_out():
    made = make_plan(drawn_source.DrawnSource({"train": 5, "validation": 0}))
    assert {shard.split for shard in made.shards} == {"train"}


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"encoding": "png"}, "'png' is unknown. Use jpeg or raw"),
        ({"jpeg_quality": 0}, "1 to 100, not 0"),
        ({"jpeg_quality": 101}, "1 to 100, not 101"),
        ({"image_size": 0}, "image_size must be at least 1"),
        ({"max_pixels": 0}, "max_pixels must be 1 to 89,478,485, not 0"),
        ({"max_pixels": 100_000_000}, "not 100,000,000"),
        ({"max_rejects": -1}, "max_rejects must be at least 0"),
        ({"num_shards": {"validation": 48}}, "validation split has 47 images"),
        ({"num_shards": {"train": 0}}, "into 0 shards"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(errors.UserError, match=message):
        make_plan(**settings)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
