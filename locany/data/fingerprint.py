"""What tells one data set from another without naming a path: its records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from locany.data.dialogue import Dialogue
from locany.data.record import sample_to_json
from locany.data.sample import Sample
from locany.data.shard_folder import ShardFolder


def dataset_fingerprint(samples: Sequence[Sample | Dialogue] | ShardFolder, num_samples: int) -> str:
    """SHA-256 over the first records of a data set; image files are not opened."""
    digest = hashlib.sha256()
    for index in range(num_samples):
        one = samples[index]
        record = (
            {"turns": [dict(turn) for turn in one.turns]}
            if isinstance(one, Dialogue)
            else sample_to_json(one)
        )
        record.pop("provenance", None)  # may name files of this machine
        digest.update(json.dumps(record, sort_keys=True).encode())
    return digest.hexdigest()
