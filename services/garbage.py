"""How Python looks for garbage in a process that folds."""

import gc


def tune_garbage_collection() -> None:
    """For a process that holds much and makes more of it in batches."""
    # The default thresholds rescan the growing batch again and again: this is worth more than any library.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
