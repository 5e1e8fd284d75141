"""Exceptions that end training; usable without PyTorch."""


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite; the message names it and the last good checkpoint."""


class NotSavedError(OSError):
    """The state at a training's end could not be written;
    `strerror` says why, where, and what to do.
    """


class MemoryFullError(RuntimeError):
    """Training does not fit into memory; the message says what to do, and what was saved."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, torch's on any device or Python's, reports that memory has run out."""
    # ALLOC_FAILED: what cuBLAS and cuDNN say.
    texts = ("out of memory", "not enough memory", "allocate memory", "ALLOC_FAILED")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
    )
