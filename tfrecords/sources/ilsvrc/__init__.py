"""ILSVRC-2012: the official archives, and the layout of Kaggle's copy."""
