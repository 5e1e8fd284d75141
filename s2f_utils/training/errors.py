"""What ends a training; known without PyTorch."""


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite; the message names it and the last good checkpoint."""


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
