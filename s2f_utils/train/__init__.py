"""Training: one loop for all methods, and one step per method, written like its paper.

The way of a training: `config` resolves its settings; `run` opens its folder, a new one or that of
the run to resume; `state` has what a run is, and what it resumes from; `loop` trains it, from top
to bottom: poll (`live`), data (`data`), step (the method's), log (`log`), sample and save
(`saving`). The exceptions that end a training are here: they can be used without PyTorch.
"""


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite; the message names it and the last good checkpoint."""


class NotSavedError(OSError):
    """The last state could not be written; `strerror` says why, where, and what to do."""


class RunInUseError(RuntimeError):
    """Another process trains in this run's folder; the message names it, and what to do."""


class MemoryFullError(RuntimeError):
    """Training does not fit into memory; the message says what to do, and what was saved."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, torch's on any device or Python's, reports that memory has run out."""
    # ALLOC_FAILED: what cuBLAS and cuDNN say.
    texts = ("out of memory", "not enough memory", "allocate memory", "ALLOC_FAILED")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
    )
