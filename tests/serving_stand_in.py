"""Stands in for TensorFlow Serving: answers `Predict` from an export's signatures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc


class Answerer:
    """`PredictionService` with one model, "alexnet", and the original's status codes.

    Attributes:
      asked: the signature and the names of the inputs of each request.
    """

    def __init__(self, export: str):
        import tensorflow as tf

        self._tf = tf
        self._loaded = tf.saved_model.load(str(export))
        self.asked: list[tuple[str, list[str]]] = []

    def Predict(self, request: Any, context: Any) -> Any:
        """The outputs of the signature that the request names."""
        from tensorflow_serving.apis import predict_pb2

        spec, signatures = request.model_spec, self._loaded.signatures
        if spec.name != "alexnet":
            context.abort(grpc.StatusCode.NOT_FOUND, f"{spec.name} is not served")
        if spec.signature_name not in signatures:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, spec.signature_name)
        inputs = {
            name: self._tf.constant(self._tf.make_ndarray(value))
            for name, value in request.inputs.items()
        }
        self.asked.append((spec.signature_name, sorted(inputs)))
        response = predict_pb2.PredictResponse()
        for name, value in signatures[spec.signature_name](**inputs).items():
            response.outputs[name].CopyFrom(self._tf.make_tensor_proto(value.numpy()))
        return response


@contextlib.contextmanager
def serve(answerer: Answerer) -> Iterator[int]:
    """The port of a server in this process, for the life of the block."""
    from tensorflow_serving.apis import prediction_service_pb2_grpc as service

    class Servicer(service.PredictionServiceServicer):
        Predict = staticmethod(answerer.Predict)

    server = grpc.server(futures.ThreadPoolExecutor(1))
    service.add_PredictionServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield port
    server.stop(None)
