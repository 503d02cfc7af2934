"""Seeds derive from names, never from order, shard, thread or batch."""

import hashlib


def derive_seed(*names: str | int) -> int:
    """A 63-bit seed from the names of the thing it is for, such as `(study seed, model id, prompt, index)`."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()[:8], "big") >> 1
