# The commands in a container, for processors alone or for NVIDIA's GPUs:
#
#   docker build --target cpu -t alexnet-tf:cpu .
#   docker build --target gpu -t alexnet-tf:gpu .
#
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/workspace" \
#     alexnet-tf:cpu alexnet-convert --source=sample --data_dir=data
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/workspace" --gpus all \
#     alexnet-tf:gpu alexnet-train --data_dir=data --workdir=runs/alexnet
#
# Archives, shards and runs lie outside, in what is mounted at /workspace; nothing of theirs
# is in the image. --user makes the files that are written there yours. --gpus needs the
# NVIDIA Container Toolkit on the host, and nothing more: the wheels that the extra `gpu`
# brings hold CUDA and cuDNN in the versions that TensorFlow was built for, which the
# nvidia/cuda images would bring a second time.

# A Python that setup.py allows.
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim AS base
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 1000 alexnet && install -d -o alexnet /workspace
# Matplotlib's and Keras' own files, whoever --user names.
ENV MPLCONFIGDIR=/tmp/matplotlib \
    KERAS_HOME=/tmp/keras
WORKDIR /source
COPY setup.py pyproject.toml README.md LICENSE ./
COPY alexnet_tf alexnet_tf
COPY tfrecords tfrecords

FROM base AS gpu
RUN pip install '.[gpu,tune]'
WORKDIR /workspace
USER alexnet
CMD ["alexnet-train", "--help"]

# The last stage is what is built where no target is named.
FROM base AS cpu
RUN pip install '.[tune]'
WORKDIR /workspace
USER alexnet
CMD ["alexnet-train", "--help"]
