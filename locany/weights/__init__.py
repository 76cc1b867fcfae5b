"""Between files and modules: find a checkpoint, load it, save one."""

from locany.weights.fetch import BUNDLED_NAME, find_checkpoint
from locany.weights.load import load_config, load_model
from locany.weights.names import HEAD_NAME, expected_tensors, our_name, published_name
from locany.weights.save import MAX_SHARD_BYTES, save_model
from locany.weights.stored import StoredTensor, stored_tensors

__all__ = [
    "BUNDLED_NAME",
    "HEAD_NAME",
    "MAX_SHARD_BYTES",
    "StoredTensor",
    "expected_tensors",
    "find_checkpoint",
    "load_config",
    "load_model",
    "our_name",
    "published_name",
    "save_model",
    "stored_tensors",
]
