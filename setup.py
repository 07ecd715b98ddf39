"""The pip package `alexnet-tf`: the packages `alexnet_tf` and `tfrecords`."""

import pathlib
import re

import setuptools

_ROOT = pathlib.Path(__file__).parent

# Two stacks are tested: TensorFlow 2.21 with Keras 3 and, for TensorFlow Addons,
# TensorFlow 2.15.1 with Keras 2. What lies between is not.
_TENSORFLOW = ">=2.15.1,!=2.16.*,!=2.17.*,!=2.18.*,!=2.19.*,!=2.20.*,<2.22"

# The lower bounds were installed together and tested on Python 3.10 with the extra
# `addons`.
_REQUIREMENTS = [
    f"tensorflow{_TENSORFLOW}",
    "absl-py>=2.1.0",
    "google-crc32c>=1.6.0",
    # KerasTuner brings it; alexnet-tune's workers talk to their chief through it.
    "grpcio>=1.60.0",
    "h5py>=3.14.0",
    "keras-tuner>=1.4.7,<1.5",
    "matplotlib>=3.9.0",
    "numpy>=1.26.0",
    # Earlier releases have known faults in their decoders.
    "pillow>=12.3.0",
    "scipy>=1.12.0",
    # TensorFlow 2.21 no longer brings it.
    "tensorboard>=2.15.1",
]

_OPENCV = ["opencv-python-headless>=4.10.0", "simplejpeg>=1.9.0"]
# The next minor release may format differently.
_RUFF = "ruff>=0.17.6,<0.18"
_NOTEBOOK = ["ipykernel>=6.29.0", "nbclient>=0.10.0"]

_EXTRAS = {
    # TensorFlow Addons' last release works with no later TensorFlow; it has wheels for
    # Python 3.10 and 3.11. TensorBoard 2.15 imports pkg_resources, which setuptools 81
    # dropped.
    "addons": [
        "tensorflow==2.15.1",
        "tensorflow-addons==0.23.0",
        "setuptools<81",
    ],
    # The earlier methods of the paper's tables (tools/baselines.py). The lower bounds
    # have wheels for Python 3.13.
    "baselines": ["scikit-image>=0.25.0", "scikit-learn>=1.6.0"],
    # `alexnet-convert --runner=direct|spark|flink`. The bound on TensorFlow makes pip
    # refuse `addons` at once, as with `profile`.
    "beam": ["apache-beam>=2.77.0,<3", "tensorflow>=2.21"],
    # What tools/benchmark.py measures beside ours, and psutil, which reads memory. DALI
    # is 400 MB; its decoder needs no GPU.
    "benchmark": [
        *_OPENCV,
        "nvidia-dali-cuda120>=2.4.0; platform_system == 'Linux'",
        "psutil>=6.0.0",
        "torch>=2.2",
    ],
    # The page of alexnet-demo.
    "demo": ["gradio>=6.31.0"],
    # What tools/build_docs.py makes the site with. Ruff formats its signatures. Python
    # 3.10 has no later mkdocstrings than 1.0.6, which fails with pymdown-extensions 12.
    "docs": [
        "mkdocs>=1.6.1,<2",
        "mkdocs-material>=9.7.7,<10",
        "mkdocstrings>=1.0.8,<2; python_version >= '3.11'",
        "mkdocstrings>=1.0.6,<2; python_version < '3.11'",
        "mkdocstrings-python>=2.0.9,<3",
        "pymdown-extensions<12; python_version < '3.11'",
        _RUFF,
    ],
    "gpu": [f"tensorflow[and-cuda]{_TENSORFLOW}"],
    # The lower bounds are those beside TensorFlow 2.15, whose ml_dtypes is too old for
    # onnx 1.19 and later; 1.19 does not say so.
    "onnx": ["onnx>=1.17.0,!=1.19.*", "onnxruntime>=1.23.2", "tf2onnx>=1.17.0"],
    # What runs .tflite files, for their table; without it tf.lite does, which a later
    # TensorFlow will drop.
    "litert": ["ai-edge-litert>=2.3.0"],
    # What runs docs/tour.ipynb; a Jupyter that is there already does as well.
    "notebook": _NOTEBOOK,
    # What `alexnet-convert --resizing=authors` decodes, resizes and encodes with.
    "opencv": _OPENCV,
    # What `alexnet-convert --source=parquet` reads with. The lower bound has wheels for
    # Python 3.13.
    "parquet": ["pyarrow>=18.0.0"],
    # Together with `addons` pip would try its releases for minutes; the bound on
    # TensorFlow makes it refuse at once.
    "profile": ["tensorboard-plugin-profile>=2.15.1", "tensorflow>=2.21"],
    # What alexnet-retrieve searches with.
    "retrieval": ["faiss-cpu>=1.8.0"],
    # The client of tools/serving_client.py; TensorFlow Serving itself is no package.
    "serving": ["tensorflow-serving-api>=2.15.1"],
    "test": [
        *_NOTEBOOK,
        "mypy>=2.4.1,<3",
        "psutil>=6.0.0",
        "pytest>=8.2.0",
        "pytest-xdist>=3.7.0",
        _RUFF,
        "setuptools>=68",
        "wheel",
    ],
    # What KerasTuner's Bayesian oracle imports; the other two need neither this nor
    # SciPy.
    "tune": ["scikit-learn>=1.4.0"],
    # The independent network that the tests compare ours with.
    "reference": ["torch>=2.2"],
    # Weights in PyTorch's files. These versions were tested; earlier ones of PyTorch
    # have known faults in reading weights alone.
    "weights": ["safetensors>=0.8.0", "torch>=2.13.0"],
}

# Pairs of extras that cannot be installed together, each with the reason. All others
# can: tools/check_extras.py tries them.
EXCLUSIVE_EXTRAS = {
    ("addons", "beam"): (
        "TensorFlow Addons needs TensorFlow 2.15, whose protobuf is too old for Beam"
    ),
    ("addons", "profile"): (
        "TensorFlow Addons needs TensorFlow 2.15, the profile page TensorFlow 2.21"
    ),
}


def _read_version() -> str:
    # Read, not imported: the checkout need not be on the path when pip asks.
    text = (_ROOT / "tfrecords" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise RuntimeError("tfrecords/__init__.py holds no __version__ line.")
    return match.group(1)


def read_url() -> str | None:
    """The repository's address, `repository-code` of CITATION.cff, or None."""
    path = _ROOT / "CITATION.cff"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    match = re.search(r'^repository-code: "?([^"\n]+?)/?"?$', text, re.MULTILINE)
    return match[1] if match else None


def make_long_description(text: str, url: str | None) -> str:
    """The README without relative links, which lead nowhere on a package index.

    With the repository's address they become absolute. Without, only their text stays,
    and images go.
    """

    def replace(match: re.Match[str]) -> str:
        is_image, label, target = match[1] == "!", match[2], match[3]
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        if url is None:
            return "" if is_image else label
        kind = "raw" if is_image else "blob"
        return f"{match[1]}[{label}]({url}/{kind}/main/{target})"

    return re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", replace, text)


_URL = read_url()

setuptools.setup(
    name="alexnet-tf",
    version=_read_version(),
    description=(
        "ImageNet Classification with Deep Convolutional Neural Networks (2012), the "
        "whole paper, in TensorFlow and Keras"
    ),
    long_description=make_long_description(
        (_ROOT / "README.md").read_text(encoding="utf-8"), _URL
    ),
    long_description_content_type="text/markdown",
    url=_URL,
    project_urls={
        name: f"{_URL}/{path}"
        for name, path in {
            "Documentation": "tree/main/docs",
            "Changelog": "blob/main/CHANGELOG.md",
            "Issues": "issues",
        }.items()
        if _URL
    },
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.14",
    packages=setuptools.find_packages(
        include=["alexnet_tf", "alexnet_tf.*", "tfrecords", "tfrecords.*"]
    ),
    package_data={"alexnet_tf": ["py.typed"], "tfrecords": ["py.typed"]},
    install_requires=_REQUIREMENTS,
    extras_require=_EXTRAS,
    entry_points={
        "console_scripts": [
            "alexnet-convert = tfrecords.commands.convert:run",
            "alexnet-verify = tfrecords.commands.verify:run",
            "alexnet-index = tfrecords.commands.index:run",
            "alexnet-train = alexnet_tf.commands.train:run",
            "alexnet-evaluate = alexnet_tf.commands.evaluate:run",
            "alexnet-export = alexnet_tf.commands.export:run",
            "alexnet-predict = alexnet_tf.commands.predict:run",
            "alexnet-tune = alexnet_tf.commands.tune:run",
            "alexnet-import-weights = alexnet_tf.commands.import_weights:run",
            "alexnet-export-weights = alexnet_tf.commands.export_weights:run",
            "alexnet-reproduce = alexnet_tf.commands.reproduce:run",
            "alexnet-explain = alexnet_tf.commands.explain:run",
            "alexnet-demo = alexnet_tf.commands.demo:run",
            "alexnet-retrieve = alexnet_tf.commands.retrieve:run",
            "alexnet-completion = alexnet_tf.commands.completion:run",
        ]
    },
    classifiers=[
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
