"""How the detectors' files are made from packages of public registries; runs in an environment of its own."""

import os

# oneDNN rounds differently from processor to processor; it must be off before TensorFlow is imported.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
