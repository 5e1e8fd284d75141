"""What ends a training; known without PyTorch."""


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite, or ran away; the message names it and the last good checkpoint."""


class NotSavedError(OSError):
    """The state at a training's end could not be written; `strerror` says why, where, and what to do."""


class MemoryFullError(RuntimeError):
    """Training does not fit into the memory; the message says what to do, and what was saved."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, of torch's on any device or of Python's, says that memory has run out."""
    texts = ("out of memory", "not enough memory", "allocate memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
    )


def ways_out(batch_size: int, parts: int, accumulates: bool) -> str:
    """What to do where a batch of this size, in so many parts, does not fit. accumulates: whether parts can be."""
    in_parts = f"a batch in parts (--set accumulate={2 * parts}), " if accumulates else ""
    return f"choose {in_parts}a smaller batch than {batch_size} (--set batch_size=…), or a smaller size_px"
