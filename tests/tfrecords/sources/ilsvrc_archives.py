"""The archives' names, and their images as a source."""

from tests import archives
from tfrecords.sources.ilsvrc import official

TRAIN = "ILSVRC2012_img_train.tar"
VALIDATION = "ILSVRC2012_img_val.tar"
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
FOLDER = "ILSVRC2012_devkit_t12/data/"
TRUTH = "ILSVRC2012_validation_ground_truth.txt"


def open_source(directory, **arguments):
    return official.open_ilsvrc2012(str(directory), **arguments)


def write_devkit(directory, members):
    rows = [(FOLDER + name, data) for name, data in members.items()]
    return archives.write_file(directory, DEVKIT, archives.make_tar(rows, "w:gz"))
