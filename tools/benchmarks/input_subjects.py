"""The training input: from shards to batches, beside its limit and its peers."""

from __future__ import annotations

from tools.benchmarks import contest, materials
from tools.benchmarks.contest import Factory, Options
from tools.benchmarks.report import Result

_NUM_IMAGES = 1024
# A call takes the images this many times.
_REPEATS = 4
# What the peers do not draw.
_NO_COLOUR = {"data.colour_shift": "none"}
# What ends the names of inputs of crops as they are, uint8.
_BYTES = ", bytes"
_OURS_BYTES = f"ours{_BYTES}"


def measure_input(options: Options) -> Result:
    """Batches of crops per second, finished in float32 or as bytes, on all cores.

    The limit is decoding alone to the same pixels: the faster of TensorFlow's and
    libjpeg-turbo's own.
    """
    count = options.num_images or _NUM_IMAGES
    with materials.temporary_folder() as folder:
        jpeg = options.data_dir or materials.make_data(None, folder, count)
        count = min(count, materials.count_records(jpeg, "train"))
        raw = materials.make_data(options.data_dir, folder, count, encoding="raw")
        timings, notes = contest.measure(
            _list_contestants(options, jpeg, raw, count), options
        )
    contest.require(timings, ["ours", _OURS_BYTES, "decoding alone, TensorFlow"], notes)
    batches = _count_batches(options, count)
    rates = {}
    for name, timing in timings.items():
        alone = name.startswith("decoding alone")
        images = count * _REPEATS if alone else batches * options.batch_size
        rates[name] = (images / timing.median, timing.spread)
    limit = max(
        rate
        for name, (rate, _) in rates.items()
        if name.startswith("decoding alone") and "coarse" not in name
    )
    rows = []
    for name, (rate, spread) in rates.items():
        ours = rates[_OURS_BYTES if name.endswith(_BYTES) else "ours"][0]
        rows.append((name, rate, 100 * spread, rate / limit, rate / ours))
    if options.data_dir is None:
        notes.append(materials.DRAWN)
    notes.append(
        "Ours is augmented as in section 4.1 and decodes accurately; the plain input "
        "decodes as TensorFlow does by default, which is coarser. Bytes are crops in "
        "uint8, which a device finishes; they are compared with ours of that kind."
    )
    return Result(
        f"training input, batches of {options.batch_size} crops of {options.crop_size}",
        ("input", "images/s", "spread %", "of decoding alone", "of ours"),
        rows,
        ("{}", "{:.0f}", "{:.0f}", "{:.2f}", "{:.2f}"),
        notes,
    )


def _count_batches(options: Options, count: int) -> int:
    return max(1, count * _REPEATS // options.batch_size)


def _list_contestants(
    options: Options, jpeg: str, raw: str, count: int
) -> dict[str, Factory]:
    batches = {
        "data_dir": jpeg,
        "batch_size": options.batch_size,
        "batches_per_call": _count_batches(options, count),
    }
    settings = {"data.crop_size": options.crop_size}
    on_device = {**settings, "data.finish_on": "device"}
    chosen = {
        "ours": (jpeg, settings, True),
        "ours, no colour shift": (jpeg, {**settings, **_NO_COLOUR}, True),
        "ours, raw shards": (raw, settings, True),
        _OURS_BYTES: (jpeg, on_device, False),
        f"ours, raw shards{_BYTES}": (raw, on_device, False),
    }
    result: dict[str, Factory] = {
        name: (
            "input_contestants:ours",
            {
                **batches,
                "data_dir": data_dir,
                "settings": values,
                "is_finished": is_finished,
            },
        )
        for name, (data_dir, values, is_finished) in chosen.items()
    }
    decoding = {"data_dir": jpeg, "num_images": count, "repeats": _REPEATS}
    result["decoding alone, TensorFlow"] = (
        "input_contestants:decode_tensorflow",
        decoding,
    )
    if not options.with_peers:
        return result
    for name, coarse in (("", False), (", coarse", True)):
        result[f"decoding alone, libjpeg-turbo{name}"] = (
            "input_contestants:decode_libjpeg",
            {**decoding, "fast": coarse},
        )
    cropped = {**batches, "crop_size": options.crop_size}
    for is_finished, kind in ((True, ""), (False, _BYTES)):
        for name, factory in (
            ("plain tf.data", "input_contestants:plain"),
            ("DALI", "dali_input:pipeline"),
        ):
            how = {**cropped, "is_finished": is_finished}
            result[f"{name}{kind}"] = (factory, {**how, "decodes_crop": False})
            result[f"{name}, decoding the crop{kind}"] = (
                factory,
                {**how, "decodes_crop": True},
            )
    result["PyTorch DataLoader, Pillow"] = ("torch_input:loader", cropped)
    return result
