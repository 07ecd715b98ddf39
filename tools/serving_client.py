"""Asks a TensorFlow Serving that serves an export for the classes of images."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
from typing import Any

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords import errors
from tfrecords.console import command_line, printing

SYNOPSIS = """\
python tools/serving_client.py [--server=localhost:8500] IMAGES...

Sends each image's bytes to TensorFlow Serving by gRPC and prints the five most probable
classes. Needs the extra serving: pip install '.[serving]'. docs/serving.md says how to
start a server.

  python tools/serving_client.py --signature=ten_views cat.jpg holiday/"""

_SERVER = flags.DEFINE(
    command_line.TextParser(), "server", "localhost:8500", "the server's HOST:PORT"
)
_MODEL_NAME = flags.DEFINE(
    command_line.TextParser(),
    "model_name",
    "alexnet",
    "the server's name for the network",
)
_SIGNATURE = flags.DEFINE_enum(
    "signature", "serving_default", ["serving_default", "ten_views"], "one view or ten"
)
_TIMEOUT = flags.DEFINE_float(
    "timeout", 30.0, "seconds to wait for each answer", lower_bound=0.001
)
_IMAGES = flags.DEFINE_multi(
    command_line.PathParser(),
    flags.ArgumentSerializer(),
    "images",
    [],
    "files, folders or patterns; the flag's name may be left out",
)


def main() -> None:
    """Reads the flags, asks for each image, prints the answers."""
    if not _IMAGES.value:
        raise errors.UserError("there is no image to send: name some, or folders.")
    if importlib.util.find_spec("tensorflow_serving") is None:
        raise errors.UserError(
            "the client needs the package tensorflow-serving-api, which is not "
            "installed. Install it with pip install 'alexnet-tf[serving]'."
        )
    command_line.quiet_tensorflow()
    import grpc
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    from alexnet_tf.inference import predict

    paths = predict.find_images(_IMAGES.value)
    num_bad = 0
    with grpc.insecure_channel(_SERVER.value) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for path in paths:
            try:
                answer = _ask(stub, path)
            except grpc.RpcError as error:
                raise errors.UserError(
                    f"{_SERVER.value} did not answer for {_MODEL_NAME.value}: "
                    f"{error.code().name} ({error.details()}). Check --server and "
                    "--model_name, and that the server has loaded the network."
                ) from error
            reason = answer["errors"][0].decode()
            num_bad += bool(reason)
            print(_format(path, answer, reason), flush=True)
    if num_bad:
        raise errors.DataError(
            f"{num_bad} of {len(paths)} images could not be predicted; the reasons "
            "stand beside their names."
        )


def _ask(stub: Any, path: str) -> dict[str, Any]:
    """The signature's outputs for one image, by name, NumPy arrays [1, ...]."""
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    from tfrecords.durable import files

    request = predict_pb2.PredictRequest()
    request.model_spec.name = _MODEL_NAME.value
    request.model_spec.signature_name = _SIGNATURE.value
    with files.read_errors(path):
        data = pathlib.Path(path).read_bytes()
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([data], shape=[1]))
    response = stub.Predict(request, timeout=_TIMEOUT.value)
    return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}


def _format(path: str, answer: dict[str, Any], reason: str) -> str:
    lines = [printing.escape(path)]
    if reason:
        return f"{lines[0]}\n  not predicted: {reason}"
    names, probabilities = answer["top5_names"][0], answer["top5_probabilities"][0]
    for name, probability in zip(names, probabilities, strict=True):
        lines.append(f"  {probability:7.2%}  {name.decode()}")
    return "\n".join(lines)


if __name__ == "__main__":
    command_line.run(
        main, __name__, SYNOPSIS, positional="images", prints_result=lambda: True
    )
