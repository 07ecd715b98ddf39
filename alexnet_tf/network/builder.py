"""Adds a table's rows to a Keras functional graph, tower by tower."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from alexnet_tf.config.schema import ModelConfig
from alexnet_tf.devices.placement import HOST, Placement
from alexnet_tf.devices.workers import Workers
from alexnet_tf.network import batch_normalization, layers, local, normalization
from alexnet_tf.network.tables import ConvolutionRow, DenseRow, SubsamplingRow

TOWER_SUFFIXES = "ab"


@dataclasses.dataclass
class Builder:
    """Adds the table's rows to the graph, tower by tower."""

    config: ModelConfig
    stddevs: Mapping[str, float]
    seed: int
    precision: str
    placement: Placement
    num_towers: int
    workers: Workers
    num_seeds: int = 0

    def copy_images(self, images: object) -> list:
        """Copies the batch to each tower's device."""
        if self.num_towers == 1:
            return [images]
        if self.placement.through_host:
            images = layers.HostCopy(HOST, name="host", dtype=self.precision)(images)
        return self._add(layers.Copy, "images", [images] * self.num_towers)

    def add_convolution(self, row: ConvolutionRow, towers: list) -> list:
        """Conv -> ReLU -> normalization -> pooling, for each tower."""
        config = self.config
        number = _get_number(row.name)
        inputs = self._exchange(number, towers) if row.sees_all else towers
        kind = local.LocallyConnected if row.local else layers.Convolution
        outputs = [
            kind(
                row.kernels // self.num_towers,
                row.size,
                row.stride,
                row.padding,
                self.stddevs[row.name],
                row.initial_bias,
                self._next_seed(),
                **self._place(row.name, tower),
            )(x)
            for tower, x in enumerate(inputs)
        ]
        normalized = row.normalized and config.normalization != "none"
        if normalized and config.normalization == "batch":
            outputs = self._add(
                batch_normalization.BatchNormalization, f"bn{number}", outputs
            )
            normalized = False
        before_relu = row.name == "conv1" and config.conv1_normalized_before_relu
        # The fused normalization also computes the gradient of the ReLU before it.
        joint = (
            normalized
            and not before_relu
            and not row.pooled_first
            and config.activation == "relu"
            and normalization.resolve_method(config.normalization) == "fused"
        )
        if normalized and before_relu:
            outputs = self._normalize(number, outputs)
        outputs = self._add(
            layers.Activation, f"relu{number}", outputs, config.activation, joint
        )
        if row.pooled and row.pooled_first:
            outputs = self._pool(number, outputs)
        if normalized and not before_relu:
            outputs = self._normalize(number, outputs, rectified=joint)
        if row.name == "conv2" and config.conv2_map_normalization:
            outputs = self._add(normalization.MapNormalization, "cnorm2", outputs)
        if row.pooled and not row.pooled_first:
            outputs = self._pool(number, outputs)
        return outputs

    def add_subsampling(self, row: SubsamplingRow, towers: list) -> list:
        """Normalization -> pooling, for each tower."""
        if row.normalized and self.config.normalization not in ("none", "batch"):
            towers = self._normalize(row.name, towers)
        return self._pool(row.name, towers) if row.pooled else towers

    def add_dense(self, row: DenseRow, towers: list) -> list:
        """Fc -> ReLU -> dropout, for each tower."""
        number = _get_number(row.name)
        inputs = self._exchange(number, towers) if row.sees_all else towers
        outputs = []
        for tower, x in enumerate(inputs):
            x = layers.Dense(
                row.units // self.num_towers,
                self.stddevs[row.name],
                row.initial_bias,
                self._next_seed(),
                **self._place(row.name, tower),
            )(x)
            x = layers.Activation(
                self.config.activation, **self._place(f"relu{number}", tower)
            )(x)
            if row.dropout and self.config.dropout_rate:
                x = layers.Dropout(
                    self.config.dropout_rate,
                    self.config.dropout_scaling,
                    self._next_seed(),
                    self.workers,
                    **self._place(f"drop{number}", tower),
                )(x)
            outputs.append(x)
        return outputs

    def add_logits(self, name: str, num_classes: int, towers: list) -> object:
        """The last layer, entirely on tower a's device."""
        arguments = {**self._place(name, 0), "name": name}
        return layers.Dense(
            num_classes, self.stddevs[name], 0.0, self._next_seed(), **arguments
        )(self._exchange(_get_number(name), towers[:1], towers)[0])

    def _exchange(
        self, number: str, receivers: list, senders: list | None = None
    ) -> list:
        """All towers' outputs for each receiver; one copy per device, not per tower."""
        senders = senders if senders is not None else receivers
        if len(senders) == 1:
            return receivers
        sent = self._send_through_host(number, senders)
        by_device: dict[str | None, object] = {}
        for tower in range(len(receivers)):
            device = self.placement.get_device(tower)
            if device not in by_device:
                arguments = self._place(f"exchange{number}", tower)
                # A tower's own maps are on its device.
                maps = [*sent[:tower], senders[tower], *sent[tower + 1 :]]
                by_device[device] = layers.Exchange(**arguments)(maps)
        return [
            by_device[self.placement.get_device(tower)]
            for tower in range(len(receivers))
        ]

    def _send_through_host(self, number: str, senders: list) -> list:
        """The outputs as other towers read them: from their device, or a host copy."""
        if not self.placement.through_host:
            return senders
        return [
            layers.HostCopy(**self._place(f"host{number}", tower) | {"device": HOST})(x)
            for tower, x in enumerate(senders)
        ]

    def _add(self, kind: type, name: str, inputs: list, *arguments: object) -> list:
        """A layer of this kind for each tower, on its device."""
        return [
            kind(*arguments, **self._place(name, tower))(x)
            for tower, x in enumerate(inputs)
        ]

    def _pool(self, number: str, towers: list) -> list:
        config = self.config
        window = config.pool_size, config.pool_stride, config.pool_rounding
        return self._add(layers.MaxPooling, f"pool{number}", towers, *window)

    def _normalize(self, number: str, towers: list, rectified: bool = False) -> list:
        config = self.config
        sees_all = config.normalization_scope == "all"
        inputs = self._exchange(f"_lrn{number}", towers) if sees_all else towers
        return [
            normalization.LocalResponseNormalization(
                config.normalization,
                config.normalization_radius,
                config.normalization_bias,
                config.normalization_alpha,
                config.normalization_beta,
                share=(tower, len(towers)) if sees_all else (0, 1),
                rectified=rectified,
                **self._place(f"lrn{number}", tower),
            )(x)
            for tower, x in enumerate(inputs)
        ]

    def _place(self, name: str, tower: int) -> dict:
        suffix = TOWER_SUFFIXES[tower] if self.num_towers > 1 else ""
        return {
            "name": name + suffix,
            "device": self.placement.get_device(tower),
            "dtype": self.precision,
        }

    def _next_seed(self) -> tuple[int, int]:
        self.num_seeds += 1
        return self.seed, self.num_seeds


def _get_number(name: str) -> str:
    return "".join(filter(str.isdigit, name))
