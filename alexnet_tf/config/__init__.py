"""Every setting of a run, and how settings are given.

Config         all settings of a run; the defaults are the paper's
ModelConfig    the network's settings, `Config.model`
list_settings  each setting with its type, value and source
override       a config with other values, by dotted name
"""

from typing import TYPE_CHECKING

from tfrecords import lazy_names

if TYPE_CHECKING:
    from alexnet_tf.config.overrides import list_settings, override
    from alexnet_tf.config.schema import Config, ModelConfig
else:
    __getattr__ = lazy_names.make_getattr(
        __name__, schema="Config ModelConfig", overrides="list_settings override"
    )

__all__ = ["Config", "ModelConfig", "list_settings", "override"]
