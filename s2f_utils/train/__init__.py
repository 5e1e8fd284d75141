"""Training: one loop for all methods, and one step per method, written like its paper.

In the order in which a training meets them: `config`, its settings; `run`, which opens a new run or
an earlier one; `data`, its pictures and batches; `live`, the values that may change; `state`, what
a run is; `loop`, its steps; `schedule`, their learning rates; `saving`, what it writes; `tracking`,
its log and who else gets it. `errors` has the exceptions that end it.
"""
