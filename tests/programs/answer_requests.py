"""Sends hostile requests to an export, watched.

python -m tests.programs.answer_requests PLACE EXPORT called|served FIRST COUNT SEED
python -m tests.programs.answer_requests PLACE EXPORT bomb NAME

PLACE is that of `tests.faults.watched.Watch`. "called" calls the signatures; "served"
sends requests to `tests.serving_stand_in`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tests import serving_stand_in
from tests.faults import mutants, watched
from tests.programs import decode_images
from tests.tfrecords import image_bombs

_GOOD = decode_images.SEEDS["jpeg baseline"]
_IMAGES = list(decode_images.SEEDS.values())
_SIGNATURES = ("serving_default", "serving_default", "ten_views", "features")
# A good request follows so many hostile ones.
_STRIDE = 10
# More than gRPC takes by default.
_HUGE_BYTES = 5 << 20
# How TensorFlow and Python's binding of it refuse a request.
_ERRORS = (tf.errors.OpError, TypeError, ValueError)


class Export:
    """An export, and what it answers to a good request."""

    def __init__(self, path: str):
        self._loaded = tf.saved_model.load(path)
        self._expected = {name: self.call(name, [_GOOD]) for name in set(_SIGNATURES)}

    def call(self, signature: str, images: Any, name: str = "image_bytes") -> Any:
        """The outputs for a tensor, or for a list of files' bytes, as arrays."""
        outputs = self._loaded.signatures[signature](**{name: tf.constant(images)})
        return {key: value.numpy() for key, value in outputs.items()}

    def check_good(self, signature: str, answer: dict[str, np.ndarray] | None = None):
        """Raises AssertionError unless a good image's answer is what it always was."""
        answer = self.call(signature, [_GOOD]) if answer is None else answer
        for name, value in self._expected[signature].items():
            np.testing.assert_array_equal(answer[name], value)

    def check_rows(self, signature: str, answer: dict[str, np.ndarray]) -> int:
        """Checks an answer whose last row is the good image; counts other good rows."""
        last = {name: value[-1:] for name, value in answer.items()}
        for name, value in self._expected[signature].items():
            if value.dtype.kind == "f":  # another batch size, other kernels
                np.testing.assert_allclose(last[name], value, atol=1e-5)
            else:
                np.testing.assert_array_equal(last[name], value)
        kind = "features" if signature == "features" else "probabilities"
        is_good = answer["errors"] == b""
        assert np.isfinite(answer[kind]).all()
        assert not answer[kind][~is_good].any()
        if kind == "probabilities":
            np.testing.assert_allclose(answer[kind][is_good].sum(1), 1, atol=1e-4)
        return int(is_good.sum()) - 1


def feed_calls(watch: watched.Watch, export: Export, numbers: range, seed: int) -> None:
    """Mutated images beside a good one, and every tenth time another kind of tensor."""
    for number in numbers:
        chance = random.Random(f"{seed} {number}")
        signature = chance.choice(_SIGNATURES)
        image = mutants.mutate(_IMAGES, number, seed)
        with watch.input(f"call {number}"):
            if number % _STRIDE:
                answer = export.call(signature, [image, _GOOD])
                good = export.check_rows(signature, answer)
                watch.count("answered" if good else "explained")
            else:
                try:
                    export.call(signature, *_make_odd(image, chance))
                    watch.count("answered")
                except _ERRORS:
                    watch.count("refused")
                export.check_good(signature)


def _make_odd(image: bytes, chance: random.Random) -> tuple[Any, str]:
    """A tensor of another type or rank, or of no images, and an input's name."""
    name = chance.choice(("image_bytes",) * 8 + ("images", "image-bytes", "x" * 999))
    tensors = (
        image,
        [[image, image]],
        [[[[image]]]],
        np.zeros([0], object),
        [[]],
        [1, 2],
        [0.5],
        np.zeros([1, 67, 67, 3], np.float32),
        np.full([2], np.nan),
        [True],
        [1j],
        [""],
        [image * 20],  # where the name is wrong, Python prints the tensor
        [image] * 20,
    )
    return chance.choice(tensors), name


def feed_server(watch: watched.Watch, path: str, numbers: range, seed: int) -> None:
    """Mutants of serialized requests, a huge one, and good ones between them."""
    import grpc

    with serving_stand_in.serve(serving_stand_in.Answerer(path)) as port:
        channel = grpc.insecure_channel(f"localhost:{port}")
        predict = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        requests = list(_make_requests())
        expected = predict(requests[0])
        watch.start()
        for number in numbers:
            with watch.input(f"request {number}"):
                data = mutants.mutate(requests, number, seed)
                if number % 100 == 99:
                    data += bytes(_HUGE_BYTES)
                try:
                    predict(data, timeout=watched.MAX_SECONDS)
                    watch.count("answered")
                except grpc.RpcError as error:
                    assert error.code() not in (
                        grpc.StatusCode.UNAVAILABLE,
                        grpc.StatusCode.DEADLINE_EXCEEDED,
                    ), error
                    watch.count("refused")
                if number % _STRIDE == 0:
                    _assert_same(predict(requests[0]), expected)
        channel.close()


def _make_requests() -> Iterator[bytes]:
    from tensorflow_serving.apis import predict_pb2

    for signature in dict.fromkeys(_SIGNATURES):
        for images in ([_GOOD], [_IMAGES[8]], [_IMAGES[20][:900], b""]):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "alexnet"
            request.model_spec.signature_name = signature
            proto = tf.make_tensor_proto(images, shape=[len(images)])
            request.inputs["image_bytes"].CopyFrom(proto)
            yield request.SerializeToString()


def _assert_same(found: bytes, expected: bytes) -> None:
    """The order in which a map is serialized may differ."""
    from tensorflow_serving.apis import predict_pb2

    parse = predict_pb2.PredictResponse.FromString
    assert parse(found) == parse(expected)


def feed_bomb(watch: watched.Watch, export: Export, name: str) -> None:
    """A bomb beside a good image."""
    data = image_bombs.make_bombs()[name]
    watch.start()
    with watch.input(name):
        answer = export.call("serving_default", [data, _GOOD])
        good = export.check_rows("serving_default", answer)
        watch.count("answered" if good else "explained")


def main(place: str, path: str, kind: str, *arguments: str) -> None:
    """Feeds the requests that the arguments name."""
    watch = watched.Watch(place)
    if kind == "bomb":
        feed_bomb(watch, Export(path), arguments[0])
    else:
        first, count, seed = map(int, arguments)
        numbers = range(first, first + count)
        if kind == "called":
            export = Export(path)
            for signature in set(_SIGNATURES):
                export.call(signature, [*_IMAGES, _GOOD])
            watch.start()
            feed_calls(watch, export, numbers, seed)
        else:
            feed_server(watch, path, numbers, seed)
    watch.report()


if __name__ == "__main__":
    main(*sys.argv[1:])
