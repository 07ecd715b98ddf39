"""Builds small data sets as other programs write them, and reads sources back.

Each writer uses a library of its own, never the code that reads.
"""

import csv
import io
import json
import os
import tarfile
import zipfile

from tests import archives

CLASSES = ("n01440764", "n02102040", "n02979186")
WORDS = {
    "n01440764": "tench, Tinca tinca",
    "n02102040": "English springer",
    "n02979186": "cassette player",
}
BROKEN = b"this is no image"


def make_rows(count, *, first=0, num_classes=3):
    """`count` images as (name, label, bytes); labels take turns."""
    rows = []
    for i in range(first, first + count):
        label = i % num_classes
        rows.append((f"{CLASSES[label]}_{i}.JPEG", label, archives.make_image(i)))
    return rows


def make_splits():
    return {"train": make_rows(9), "validation": make_rows(6, first=100)}


def list_split(source, split):
    """The split as {name: (label, bytes)}."""
    table = source.splits[split]
    return {
        bytes(table.filenames[row]).decode(): (
            int(table.labels[row]),
            source.read_image(split, row),
        )
        for row in range(table.num_images)
    }


def expect(rows):
    return {name: (label, image) for name, label, image in rows}


def write_tfds(
    directory, splits, num_shards=2, *, name="imagenet2012", classes=CLASSES, keys=None
):
    """Shards, `label.labels.txt` and `dataset_info.json`, with TensorFlow's writer.

    `keys` are those of image, label and file name; an empty one is left out.
    """
    import tensorflow as tf

    image_key, label_key, name_key = keys or ("image", "label", "file_name")
    os.makedirs(directory, exist_ok=True)
    infos = []
    for split, rows in splits.items():
        lengths = []
        for shard in range(num_shards):
            path = f"{name}-{split}.tfrecord-{shard:05d}-of-{num_shards:05d}"
            own = rows[shard::num_shards]
            lengths.append(str(len(own)))
            with tf.io.TFRecordWriter(os.path.join(directory, path)) as writer:
                for file_name, label, image in own:
                    values = {
                        image_key: tf.train.Feature(
                            bytes_list=tf.train.BytesList(value=[image])
                        ),
                        label_key: tf.train.Feature(
                            int64_list=tf.train.Int64List(value=[label])
                        ),
                        name_key: tf.train.Feature(
                            bytes_list=tf.train.BytesList(value=[file_name.encode()])
                        ),
                    }
                    values.pop("", None)
                    features = tf.train.Features(feature=values)
                    example = tf.train.Example(features=features)
                    writer.write(example.SerializeToString())
        infos.append({"name": split, "shardLengths": lengths})
    info = json.dumps({"name": name, "fileFormat": "tfrecord", "splits": infos})
    archives.write_file(directory, "dataset_info.json", info.encode())
    if classes:
        text = "".join(f"{name}\n" for name in classes)
        archives.write_file(directory, "label.labels.txt", text.encode())


def write_parquet(
    directory,
    splits,
    num_files=2,
    *,
    classes=("cat", "dog", "emu"),
    columns=None,
    **how,
):
    """Files as `datasets` writes them; `classes` None: without its metadata.

    `how` are settings of pyarrow's writer, such as `row_group_size`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    image_name, label_name = columns or ("image", "label")
    os.makedirs(directory, exist_ok=True)
    for split, rows in splits.items():
        for number in range(num_files):
            own = rows[number::num_files]
            table = pa.table(
                {
                    image_name: pa.array(
                        [{"bytes": image, "path": name} for name, _, image in own],
                        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
                    ),
                    label_name: pa.array([label for _, label, _ in own]),
                }
            )
            if classes:
                features = {
                    image_name: {"_type": "Image"},
                    label_name: {"names": list(classes), "_type": "ClassLabel"},
                    "boxes": [{"dtype": "int64", "_type": "Value"}],
                }
                text = json.dumps({"info": {"features": features}})
                table = table.replace_schema_metadata({"huggingface": text})
            path = f"{split}-{number:05d}-of-{num_files:05d}.parquet"
            pq.write_table(table, os.path.join(directory, path), **how)


def write_webdataset(directory, splits, num_tars=2, *, make_label=str):
    """Tars of samples in folders of their class, with Python's `tarfile`."""
    os.makedirs(directory, exist_ok=True)
    for split, rows in splits.items():
        for number in range(num_tars):
            members = []
            for name, label, image in rows[number::num_tars]:
                key = f"{name[:9]}/{name.removesuffix('.JPEG')}"
                members.append((f"{key}.jpg", image))
                members.append((f"{key}.cls", make_label(label).encode()))
                members.append((f"{key}.json", b'{"width": 32}'))
            write_tar(directory, f"{split}-{number:06d}.tar", members)


def write_tar(directory, name, members):
    return archives.write_file(directory, name, archives.make_tar(members))


def write_imagefolder(directory, splits, *, kind="csv", make_label=str):
    """Folders of images with `metadata.csv` or `metadata.jsonl`."""
    for split, rows in splits.items():
        folder = os.path.join(directory, split)
        for name, _, image in rows:
            archives.write_file(folder, name, image)
        table = [(name, make_label(label)) for name, label, _ in rows]
        write_table(folder, table, kind)


def write_table(folder, table, kind="csv", header=("file_name", "label")):
    if kind == "csv":
        stream = io.StringIO()
        csv.writer(stream).writerows([*([header] if header else []), *table])
        archives.write_file(folder, "metadata.csv", stream.getvalue().encode())
    else:
        lines = [json.dumps(dict(zip(header, row, strict=True))) for row in table]
        data = "\n".join(lines).encode()
        archives.write_file(folder, "metadata.jsonl", data)


def write_tiny_imagenet(directory, splits):
    """The unpacked `tiny-imagenet-200`; its `test` images have no labels."""
    annotations = []
    for split, rows in splits.items():
        for name, label, image in rows:
            folder = {
                "train": f"train/{CLASSES[label]}/images",
                "validation": "val/images",
                "test": "test/images",
            }[split]
            archives.write_file(os.path.join(directory, folder), name, image)
            if split == "validation":
                annotations.append(f"{name}\t{CLASSES[label]}\t0\t1\t62\t63\n")
    for name in CLASSES:
        folder = os.path.join(directory, "train", name)
        archives.write_file(folder, f"{name}_boxes.txt", b"a.JPEG\t0\t0\t9\t9\n")
    text = "".join(annotations).encode()
    archives.write_file(os.path.join(directory, "val"), "val_annotations.txt", text)
    # Not sorted, as in the real file.
    wnids = "\n".join(reversed(CLASSES)).encode()
    archives.write_file(directory, "wnids.txt", wnids)
    words = {"n00001740": "entity", **WORDS}
    text = "".join(f"{synset}\t{name}\n" for synset, name in words.items())
    archives.write_file(directory, "words.txt", text.encode())


def pack_zip(path, directory, root="", compression=zipfile.ZIP_DEFLATED):
    """A zip of everything below a directory, with entries for its folders."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for folder, _, names in sorted(os.walk(directory)):
            inside = os.path.normpath(
                os.path.join(root, os.path.relpath(folder, directory))
            )
            if inside != ".":
                archive.writestr(f"{inside}/", b"")
            for name in sorted(names):
                archive.write(os.path.join(folder, name), os.path.join(inside, name))


def pack_tar(path, directory, root="."):
    with tarfile.open(path, "w") as archive:
        archive.add(directory, root)
