"""An LSTM stepped along many sample paths of each window at once.

Paths of one window differ only in the values that were drawn on them. What they share, the window's other inputs, goes
through the first layer once a window and step rather than once a path; the past itself is never copied. Everything lies
transposed, [width, B * S]: the four gates are then contiguous blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Bytes that the rows of one chunk may take: on a CPU about what its caches hold, on a GPU enough to keep it busy.
MEMORY_BUDGET = {"cpu": 16 << 20, "cuda": 2 << 30}
_GATES = 4  # of an LSTM cell: input, forget, candidate, output; torch stacks their weights in this order
_DRAWING = 24  # numbers a row that drawing takes: hashes of 8 bytes, and what the sampler makes of them


def rows_at_once(rnn: nn.LSTM, horizon: int, device: torch.device) -> int:
    """How many paths may be stepped side by side within the memory budget of `device`."""
    numbers = _GATES * rnn.hidden_size + 2 * rnn.num_layers * rnn.hidden_size + horizon + _DRAWING
    return max(1, MEMORY_BUDGET.get(device.type, MEMORY_BUDGET["cpu"]) // (4 * numbers))


class PathLSTM:
    """The LSTM `rnn`, to be stepped from one state a window along S paths of it; without dropout or gradients."""

    def __init__(self, rnn: nn.LSTM, state: tuple[Tensor, Tensor], inputs: Tensor, paths: int) -> None:
        """`state` is of the windows, [layers, B, E] each; `inputs` [B, T, F] are shared by a window's paths, 0 where not."""
        self._windows, self._paths, self._width = len(inputs), paths, rnn.hidden_size
        weights = [[getattr(rnn, f"{name}_l{k}") for name in _WEIGHTS] for k in range(rnn.num_layers)]
        first = weights[0]
        self._shared = (inputs @ first[0].T + (first[2] + first[3])).permute(1, 2, 0)  # [T, 4 E, B]
        self._enter, self._recur = first[0], first[1]
        self._upper = [(torch.cat(w[:2], dim=1), (w[2] + w[3])[:, None]) for w in weights[1:]]
        hidden, cell = (part.transpose(1, 2).repeat_interleave(paths, dim=2) for part in state)
        self._hidden = hidden.flatten(
            0, 1
        )  # [layers * E, B * S], layer upon layer: each reads itself and the one below
        self._cell = cell  # [layers, E, B * S]

    def step(self, step: int, own: Tensor) -> Tensor:
        """The top layer's state [B * S, E] after `step`; `own` [n, B * S] are the first n inputs, which each path has its own."""
        width = self._width
        gates = torch.mm(self._recur, self._hidden[:width])
        gates.view(-1, self._windows, self._paths).add_(self._shared[step, :, :, None])
        if len(own):
            gates.addmm_(self._enter[:, : len(own)], own)
        self._update(0, gates)
        for layer, (weight, bias) in enumerate(self._upper, start=1):
            below = self._hidden[(layer - 1) * width : (layer + 1) * width]
            self._update(layer, torch.addmm(bias, weight, below))
        return self._hidden[-width:].T

    def _update(self, layer: int, gates: Tensor) -> None:
        width, cell = self._width, self._cell[layer]
        gates[: 2 * width].sigmoid_()
        enter, forget, candidate, leave = gates.chunk(_GATES)
        cell.mul_(forget).addcmul_(enter, candidate.tanh_())
        torch.mul(cell.tanh(), leave.sigmoid_(), out=self._hidden[layer * width : (layer + 1) * width])


_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
