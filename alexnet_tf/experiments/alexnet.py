"""The paper's network and recipe, exactly as in its text.

Reported (ten views; top-1 / top-5 error): ILSVRC-2010 test 37.5 % / 17.0 %, trained
on ILSVRC-2010 (section 6, table 1); ILSVRC-2012 validation 40.7 % / 18.2 % (table 2,
"1 CNN"). About 90 epochs, five to six days on two GTX 580 3 GB (section 5).
"""

from __future__ import annotations

from alexnet_tf.config.schema import Config


def get_config() -> Config:
    """The defaults, which are the paper's."""
    return Config(experiment="alexnet")
