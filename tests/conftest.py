"""Before any test file is read: TensorFlow computes here as in the commands."""

# Whoever imports TensorFlow first decides whether it uses oneDNN, and with it the last
# bits that tests compare between this process and others.
import alexnet_tf  # noqa: F401
