"""One training under mmengine, and trained models on whole splits."""

import os

# cuBLAS reads it once.  Without it, PyTorch refuses a matrix product on a GPU whenever algorithms
# must be deterministic, as they are in training.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
