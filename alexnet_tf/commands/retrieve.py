"""alexnet-retrieve: the training images that a network finds most like an image."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from absl import flags

from alexnet_tf.commands import shared_flags
from alexnet_tf.config.schema import DataConfig
from alexnet_tf.runs import run_record
from tfrecords import errors
from tfrecords.console import command_line, printing
from tfrecords.durable import files
from tfrecords.plurals import counted
from tfrecords.shards import schema

if TYPE_CHECKING:
    from alexnet_tf.retrieval.extractor import Extractor
    from alexnet_tf.retrieval.feature_files import Features
    from alexnet_tf.retrieval.neighbours import Search

SYNOPSIS = """\
alexnet-retrieve build --index_dir=I --workdir=W|--export_dir=E [--data_dir=D]
alexnet-retrieve query IMAGES... --index_dir=I --workdir=W|--export_dir=E
alexnet-retrieve codes --index_dir=I --bits=128
alexnet-retrieve measure --index_dir=I --workdir=W|--export_dir=E

Finds the images whose features are nearest to an image's (section 6.1 of the paper).
`build` writes the features of a split's images. `query` finds the nearest of image
files, folders or, with --records, of records of --split. `codes` trains an autoencoder
that turns the features into short binary codes; with --bits, `query` and `measure` use
them. `measure` searches with images of --split and prints how many of the nearest have
their class. Needs the extra retrieval: pip install 'alexnet-tf[retrieval]'.

  alexnet-retrieve build --index_dir=index --workdir=runs/alexnet
  alexnet-retrieve query cat.jpg --index_dir=index --workdir=runs/alexnet

Give the same command again to resume an interrupted build.

Exit codes: 0 success, 2 wrong usage or bad input, 4 storage error, 5 directory in use;
129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM."""

_ARGUMENTS = flags.DEFINE_multi(
    command_line.PathParser(),
    flags.ArgumentSerializer(),
    "arguments",
    [],
    "build, query, codes or measure, then images; the flag's name may be left out",
)
_INDEX_DIR = command_line.define_path("index_dir", "the directory of the features")
_WORKDIR = shared_flags.define_workdir(required=False)
_EXPORT_DIR = command_line.define_path(
    "export_dir",
    "an export. A SavedModel is a program: use only what you made or trust",
)
_CHECKPOINT = shared_flags.define_checkpoint("with --workdir: ")
_DATA_DIR = command_line.define_path(
    "data_dir",
    "the shards; by default those that the run was trained on; after build, those that "
    "the features are of",
)
_SPLIT = flags.DEFINE(
    command_line.TextParser((*schema.SPLITS, "held_out")),
    "split",
    None,
    "build: whose features, by default train; query and measure: whose records, by "
    "default validation",
)
_LAYER = flags.DEFINE(
    command_line.TextParser(),
    "layer",
    None,
    "build: a layer's name, such as fc7 (the default) or pool5; or pixels, or "
    "pixels32, averaged to 32x32",
)
_UNTRAINED = flags.DEFINE_bool(
    "untrained", False, "the network's random initial weights, to compare with"
)
_APPROXIMATE = flags.DEFINE_bool(
    "approximate",
    False,
    "build: also the approximate index, for many images; query and measure: use it",
)
_NEIGHBOURS = flags.DEFINE_integer(
    "neighbours", 6, "how many images to find", lower_bound=1
)
_RECORDS = flags.DEFINE(
    command_line.TextParser(),
    "records",
    None,
    "query: the numbers of records of --split, such as 0,17, instead of images",
)
_MAX_QUERIES = flags.DEFINE_integer(
    "max_queries", 500, "measure: the most records to search with", lower_bound=1
)
_PIXEL_RANKS = flags.DEFINE_bool(
    "pixel_ranks", False, "measure: also how near what is found is in raw pixels"
)
_BITS = flags.DEFINE_integer("bits", None, "the length of the codes, a multiple of 8")
_EPOCHS = flags.DEFINE_integer(
    "epochs", 30, "codes: passes over the features", lower_bound=1
)
_SEED = flags.DEFINE_integer(
    "seed",
    0,
    "codes: of the autoencoder's training",
    lower_bound=0,
    upper_bound=2**32 - 1,
)
_FORMAT = flags.DEFINE_enum("format", "text", ["text", "json"], "format of the output")
_HTML = flags.DEFINE(
    command_line.PathParser(suffixes=(".html",)),
    "html",
    None,
    "query: write a page with the images",
)
_PLOT = shared_flags.define_figure("plot", "query: draw them as in figure 4, right")


def main() -> None:
    """Reads the flags and acts on the first word."""
    action, *images = _ARGUMENTS.value or [""]
    actions = {"build": _build, "query": _query, "codes": _codes, "measure": _measure}
    if action not in actions:
        fault = f"{action!r} is no action" if action else "no action was given"
        raise errors.UserError(
            f"{fault}. Write alexnet-retrieve build, query, codes or measure."
        )
    if images and action != "query":
        raise errors.UserError(f"{action} takes no images; leave out {images[0]}.")
    if not _INDEX_DIR.value:
        raise errors.UserError("--index_dir is missing: the directory of the features.")
    for path in filter(None, (_HTML.value, _PLOT.value)):
        files.check_target(path)
    if action != "codes":
        if bool(_WORKDIR.value) == bool(_EXPORT_DIR.value):
            raise errors.UserError("give either --workdir or --export_dir.")
        if _EXPORT_DIR.value:
            shared_flags.refuse_checkpoint()
        if _WORKDIR.value:
            run_record.read_config(_WORKDIR.value)
    command_line.quiet_tensorflow()
    actions[action](images)


def _open_extractor(layer: str, is_untrained: bool) -> tuple[Extractor, DataConfig]:
    from alexnet_tf.retrieval import extractor

    if _EXPORT_DIR.value:
        if is_untrained:
            raise errors.UserError("--untrained needs the run: give --workdir.")
        return extractor.open_export(_EXPORT_DIR.value, layer), DataConfig()
    from alexnet_tf.runs import trained_network

    network = trained_network.load(str(_WORKDIR.value), _CHECKPOINT.value)
    if is_untrained:
        network = extractor.forget_weights(network)
    return extractor.make_extractor(network, layer), network.config.data


def _build(images: list[str]) -> None:
    from alexnet_tf.retrieval import build, extractor, search

    if _APPROXIMATE.value:
        search.check_package()
    split = _SPLIT.value or "train"
    data_dir = _DATA_DIR.value
    if not data_dir and _WORKDIR.value:
        data_dir = run_record.read_record(_WORKDIR.value)["data"]["data_dir"]
    if not data_dir:
        raise errors.UserError("--data_dir is missing: the shards to build from.")
    layer = _LAYER.value or extractor.DEFAULT_LAYER
    found, config = _open_extractor(layer, _UNTRAINED.value)
    data = build.open_images(data_dir, config)
    if _APPROXIMATE.value:
        # Before the features are computed, which takes hours for many images.
        name = f"the split {split} of {data_dir}"
        search.check_approximate(name, data.count_images(split))
    features = build.build(
        found,
        data,
        config,
        split,
        _INDEX_DIR.value,
        _WORKDIR.value or _EXPORT_DIR.value,
        _UNTRAINED.value,
    )
    source = features.source
    print(
        f"{_INDEX_DIR.value}: {counted(source.num_images, 'image')}, "
        f"{source.num_features:,} features of {source.layer} each"
    )
    if _APPROXIMATE.value:
        print(f"approximate index: {search.build_approximate(features)}")


def _codes(images: list[str]) -> None:
    from alexnet_tf.retrieval import codes, feature_files

    if _BITS.value is None:
        raise errors.UserError("--bits is missing: the length of the codes.")
    codes.check_bits(_BITS.value)
    features = feature_files.open_features(_INDEX_DIR.value)
    record = codes.build_codes(features, _BITS.value, _EPOCHS.value, _SEED.value)
    print(
        f"{codes.get_path(_INDEX_DIR.value, record.num_bits)}: {record.num_bits} bits, "
        f"{record.num_bits // 8} bytes per image; they lose {record.loss:.1%} of the "
        "features' mean square"
    )


def _open_search(features: Features) -> Search:
    from alexnet_tf.retrieval import codes, search

    search.check_package()
    search.check_count(features, _NEIGHBOURS.value)
    if _BITS.value is not None:
        if _APPROXIMATE.value:
            raise errors.UserError("give either --bits or --approximate.")
        return codes.CodeIndex(features, _BITS.value).search
    if _APPROXIMATE.value:
        return search.ApproximateIndex(features).search
    return lambda queries, count: search.search(features, queries, count)


def _read_records() -> list[int]:
    words = _RECORDS.value
    try:
        return [int(word) for word in words.split(",")] if words else []
    except ValueError as error:
        raise errors.UserError(
            f"--records is {words!r}; it must be numbers separated by commas, "
            "such as 0,17."
        ) from error


def _query(images: list[str]) -> None:
    from alexnet_tf.inference import predict
    from alexnet_tf.retrieval import build, feature_files, neighbours, results_page

    if bool(images) == bool(_RECORDS.value):
        raise errors.UserError("name images, or records with --records.")
    rows = _read_records()
    paths = predict.find_images(images)
    features = feature_files.open_features(_INDEX_DIR.value)
    find = _open_search(features)
    data = None
    shows_images = _HTML.value or _PLOT.value or _FORMAT.value == "json"
    # What was named is compared with the features, though text needs no images.
    if rows or shows_images or _DATA_DIR.value:
        data = build.open_indexed(features, _DATA_DIR.value)
    found, _ = _open_extractor(features.source.layer, features.source.is_untrained)
    queries = neighbours.read_files(paths, found.image_size)
    if rows and data is not None:
        split = _SPLIT.value or "validation"
        queries = neighbours.read_records(data, split, rows, features)
    results = []
    for result in neighbours.find_neighbours(
        found, features, find, queries, _NEIGHBOURS.value
    ):
        results.append(result)
        if _FORMAT.value == "text":
            print(neighbours.format_text(result, features), flush=True)
    if _FORMAT.value == "json" and data is not None:
        printing.write_utf8()
        answers = [neighbours.to_json(result, features, data) for result in results]
        print(json.dumps(answers, indent=1, ensure_ascii=False))
    if _HTML.value and data is not None:
        shown = results_page.write_page(results, features, data, _HTML.value)
        print(f"wrote {_HTML.value}: {counted(shown, 'image')}", file=sys.stderr)
    if (
        _PLOT.value
        and data is not None
        and results_page.write_figure(results, features, data, _PLOT.value)
    ):
        print(f"wrote {_PLOT.value}", file=sys.stderr)
    num_bad = sum(bool(result.query.error) for result in results)
    if num_bad:
        raise errors.DataError(
            f"{num_bad} of {counted(len(results), 'image')} could not be searched "
            "with; the reasons stand beside their names."
        )


def _measure(images: list[str]) -> None:
    from alexnet_tf.retrieval import build, feature_files, measure

    features = feature_files.open_features(_INDEX_DIR.value)
    find = _open_search(features)
    data = build.open_indexed(features, _DATA_DIR.value)
    found, _ = _open_extractor(features.source.layer, features.source.is_untrained)
    report = measure.measure(
        found,
        features,
        find,
        data,
        _SPLIT.value or "validation",
        _NEIGHBOURS.value,
        _MAX_QUERIES.value,
        _PIXEL_RANKS.value,
    )
    print(
        json.dumps(measure.to_json(report), indent=1)
        if _FORMAT.value == "json"
        else measure.format_text(report)
    )


def run() -> None:
    """The console script."""
    command_line.run(
        main, __name__, SYNOPSIS, positional="arguments", prints_result=lambda: True
    )


if __name__ == "__main__":
    run()
