"""Where an account's log lies: murmur2 as Kafka's default partitioner computes it."""

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF


def _mix(word: int) -> int:
    word = word * _MULTIPLIER & _MASK
    return (word ^ word >> 24) * _MULTIPLIER & _MASK


def murmur2(data: bytes) -> int:
    """The unsigned 32-bit hash that Kafka's clients partition keys by."""
    whole = len(data) & ~3
    value = (_SEED ^ len(data)) & _MASK
    for start in range(0, whole, 4):
        value = (value * _MULTIPLIER & _MASK) ^ _mix(int.from_bytes(data[start : start + 4], "little"))
    if tail := data[whole:]:
        value = (value ^ int.from_bytes(tail, "little")) * _MULTIPLIER & _MASK
    value = (value ^ value >> 13) * _MULTIPLIER & _MASK
    return value ^ value >> 15


def usage_key(organization: str, account_code: str) -> bytes:
    """The record key with which a publisher hits a root account's partition."""
    return f"{organization}/{account_code}".encode()


def partition_of(organization: str, account_code: str, partitions: int) -> int:
    """The partition of a root account at its creation, kept for life."""
    return (murmur2(usage_key(organization, account_code)) & 0x7FFFFFFF) % partitions
