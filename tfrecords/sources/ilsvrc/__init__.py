"""ILSVRC-2012: the official archives and the layout that Kaggle distributes."""
