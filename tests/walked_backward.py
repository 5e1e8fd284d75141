"""Backward passes without PyTorch's engine, whose threads need a GPU for tensors on one.

The nodes of the graph are called one after the other, last first, with PyTorch's own formulas. So a
backward pass of fake CUDA tensors shows what the real one shows: tensors on two devices, values
that are read, and what is held in memory until it has been used.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge, saved_tensors_hooks


class Saved:
    """A tensor that a node keeps for its backward pass; None once the graph has been freed."""

    unpacked: list[Saved] = []  # by the node that is being called

    def __init__(self, tensor: Tensor) -> None:
        self.tensor: Tensor | None = tensor

    def unpack(self) -> Tensor:
        if self.tensor is None:
            raise RuntimeError("this graph has been freed: keep it with create_graph")
        Saved.unpacked.append(self)
        return self.tensor


class Arrivals:
    """The gradients that have arrived at nodes which have not been called yet."""

    def __init__(self) -> None:
        self.at: dict[Any, dict[int, Tensor]] = defaultdict(dict)

    def add(self, node: Any, place: int, gradient: Tensor) -> None:
        """Add a gradient to those of the same place."""
        gradient = fitted(gradient, node._input_metadata[place])
        before = self.at[node].get(place)
        self.at[node][place] = gradient if before is None else before + gradient


def gradients_of(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], keep: bool
) -> list[Tensor | None]:
    """The gradients of the sum of the outputs, at the inputs; None where none arrives.

    keep: whether the graph is kept, and the gradients have one.
    """
    wanted = [get_gradient_edge(tensor) for tensor in inputs]
    roots = [get_gradient_edge(tensor) for tensor in outputs]
    uses = num_uses([edge.node for edge in roots])
    needed = leading_to({edge.node for edge in wanted}, uses)
    arrivals = Arrivals()
    for edge, output in zip(roots, outputs, strict=True):
        arrivals.add(edge.node, edge.output_nr, torch.ones_like(output))
    found: dict[Any, dict[int, Tensor]] = {}
    ready = [node for node, num in uses.items() if num == 0]
    while ready:
        node = ready.pop()
        gradients = arrivals.at.pop(node, {})
        found |= {node: gradients} if any(edge.node is node for edge in wanted) else {}
        call = bool(gradients) and node in needed
        results = called(node, gradients, keep) if call else [None] * len(node.next_functions)
        for gradient, (after, place) in zip(results, node.next_functions, strict=False):
            if gradient is not None and after in needed:
                arrivals.add(after, place, gradient)
        ready += no_longer_used([after for after, _ in node.next_functions], uses)
        del gradients, results
    return [found.get(edge.node, {}).get(edge.output_nr) for edge in wanted]


def no_longer_used(nodes: Sequence[Any], uses: Counter) -> list[Any]:
    """Count one use of each node as done; gives those that have no further one."""
    done = []
    for node in nodes:
        if node is None:
            continue
        uses[node] -= 1
        if uses[node] == 0:
            done.append(node)
    return done


def num_uses(roots: Sequence[Any]) -> Counter:
    """How many edges lead to each node that the roots depend on."""
    uses = Counter(dict.fromkeys(roots, 0))
    todo = list(uses)
    while todo:
        for after, _ in todo.pop().next_functions:
            if after is None:
                continue
            if after not in uses:
                todo.append(after)
            uses[after] += 1
    return uses


def leading_to(targets: set[Any], nodes: Counter) -> set[Any]:
    """The nodes on which a target depends, and the targets."""
    before = defaultdict(list)
    for node in nodes:
        for after, _ in node.next_functions:
            before[after].append(node)
    needed, todo = set(), [node for node in nodes if node in targets]
    while todo:
        node = todo.pop()
        if node not in needed:
            needed.add(node)
            todo += before[node]
    return needed


def fitted(gradient: Tensor, wanted: Any) -> Tensor:
    """A gradient in the shape and type of what it belongs to, as PyTorch's engine makes it."""
    if gradient.device != wanted.device:
        raise RuntimeError(f"a gradient on {gradient.device} of a tensor on {wanted.device}")
    return gradient.sum_to_size(wanted.shape).to(wanted.dtype)


def called(node: Any, gradients: dict[int, Tensor], keep: bool) -> Sequence[Tensor | None]:
    """A node's gradients for its inputs; unless `keep`, what it had saved is freed."""
    if not node.next_functions:  # a weight, at which a gradient ends
        return ()
    given = [gradients.get(place) for place in range(len(node._input_metadata))]
    Saved.unpacked = []
    call = node.apply if isinstance(node, torch.autograd.function.FunctionCtx) else node
    with torch.set_grad_enabled(keep):
        results = call(*given)
    if not keep:
        for saved in Saved.unpacked:
            saved.tensor = None
    Saved.unpacked = []
    return results if isinstance(results, tuple) else (results,)


def backward(loss: Tensor, *, inputs: Sequence[Tensor]) -> None:
    """As `Tensor.backward`, of a scalar."""
    gradients = gradients_of([loss], inputs, keep=False)
    for tensor, gradient in zip(inputs, gradients, strict=True):
        if gradient is not None:
            tensor.grad = gradient if tensor.grad is None else tensor.grad + gradient


def grad(output: Tensor, tensor: Tensor, *, create_graph: bool = False) -> tuple[Tensor]:
    """As `torch.autograd.grad`, of a scalar by one tensor."""
    gradients = gradients_of([output], [tensor], keep=create_graph)
    if gradients[0] is None:
        raise RuntimeError("the output does not depend on the tensor")
    return (gradients[0],)


@contextlib.contextmanager
def walked_backward() -> Iterator[None]:
    """Within the block, `Tensor.backward` and `torch.autograd.grad` call the graph's nodes."""
    with (
        mock.patch.object(Tensor, "backward", backward),
        mock.patch.object(torch.autograd, "grad", grad),
        saved_tensors_hooks(Saved, Saved.unpack),
    ):
        yield
