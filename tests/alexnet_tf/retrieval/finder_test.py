"""Tests of `alexnet_tf.retrieval.finder`, on a golden run and an export of it."""

import sys

import numpy as np
import pytest

from alexnet_tf.export import saved_model
from alexnet_tf.inference import answers
from alexnet_tf.retrieval import build, extractor, finder
from alexnet_tf.runs import trained_network
from tests.alexnet_tf.retrieval import made_features
from tfrecords import errors

pytest.importorskip("faiss", reason="the extra retrieval brings faiss")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with `run`, its `new` export, `data_jpeg` and the `index` of it."""
    folder = made_features.extract_golden(tmp_path_factory.mktemp("golden"))
    network = trained_network.load(str(folder / "run"))
    saved_model.export(network, str(folder / "new"))
    config = network.config.data
    data = build.open_images(str(folder / "data_jpeg"), config)
    made = extractor.make_extractor(network)
    build.build(made, data, config, "train", str(folder / "index"), "run")
    return folder, data


def test_an_image_of_the_index_is_its_own_nearest(built):
    folder, data = built
    find = finder.open_finder(str(folder / "index"), str(folder / "run"), count=3)
    image, label = build.read_image(data, "train", 2)
    found = find(image)
    assert len(found) == 3
    nearest, text = found[0]
    name = data.manifest.classes[label].text
    assert np.array_equal(nearest, image)
    assert text.startswith(name) and float(text.rpartition(" ")[2]) < 1e-2


def test_an_export_finds_the_same_and_the_answer_has_them(built):
    folder, _ = built
    path = str(next(folder.glob("images/validation/*/*")))
    texts = []
    for model in ("run", "new"):
        answerer = answers.open_model(str(folder / model))
        assert answerer.answer(path, 1).nearest == ()
        answerer.find = finder.open_finder(
            str(folder / "index"), str(folder / model), count=4
        )
        texts.append(
            [text.split(",")[0] for _, text in answerer.answer(path, 1).nearest]
        )
    assert len(texts[0]) == 4 and texts[0] == texts[1]


def test_more_than_there_are_and_random_weights_are_refused(built):
    folder, data = built
    with pytest.raises(errors.UserError, match="neighbours were asked for"):
        finder.open_finder(str(folder / "index"), str(folder / "run"), count=10_000)
    network = trained_network.load(str(folder / "run"))
    made = extractor.make_extractor(extractor.forget_weights(network))
    config = network.config.data
    path = str(folder / "random")
    build.build(made, data, config, "train", path, "run", is_untrained=True)
    with pytest.raises(errors.UserError, match="random weights"):
        finder.open_finder(path, str(folder / "run"), count=2)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
