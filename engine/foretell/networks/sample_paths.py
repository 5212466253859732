"""An LSTM stepped along many sample paths of each window at once.

Paths of one window differ only in the values that were drawn on them. What they share, the window's other inputs, goes
through the first layer once a window and step rather than once a path; the past itself is never copied. Everything lies
transposed, [width, B * S]: the four gates are then contiguous blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# Bytes that the rows of one chunk may take: on a CPU about what its caches hold, on a GPU enough to keep it busy.
MEMORY_BUDGET = {"cpu": 16 << 20, "cuda": 2 << 30}
_GATES = 4  # of an LSTM cell: input, forget, candidate, output; torch stacks their weights in this order
_DRAWING = 24  # numbers a row that drawing takes: hashes of 8 bytes, and what the sampler makes of them


def rows_at_once(rnn: nn.LSTM, horizon: int, device: torch.device) -> int:
    """How many paths may be stepped side by side within the memory budget of `device`.

    Args:
        rnn: the LSTM that is stepped.
        horizon: H, steps of a path.
        device: where.

    Example:
        >>> from foretell.networks import rows_at_once
        >>> rows_at_once(torch.nn.LSTM(3, 40), horizon=28, device=torch.device("cpu")) > 1000
        True
    """
    numbers = _GATES * rnn.hidden_size + 2 * rnn.num_layers * rnn.hidden_size + horizon + _DRAWING
    return max(1, MEMORY_BUDGET.get(device.type, MEMORY_BUDGET["cpu"]) // (4 * numbers))


class PathLSTM:
    """The LSTM `rnn`, to be stepped from one state a window along S paths of it; without dropout or gradients.

    What a layer reads lies together, so that its gates are one product: a path's own inputs before the first layer's state,
    and between the states of two layers a row of ones, which carries the bias.

    Args:
        rnn: the LSTM, batch_first, whose weights are read.
        state: of the windows: hidden and cell, [layers, B, E] each.
        inputs: [B, T, F] of T steps, shared by a window's paths.
        paths: S.
        own: at most so many of the first inputs a path has of its own; they are 0 in `inputs`.

    Example:
        >>> from foretell.networks import PathLSTM
        >>> rnn = torch.nn.LSTM(3, 8, batch_first=True)
        >>> with torch.inference_mode():
        ...     _, state = rnn(torch.zeros(2, 5, 3))
        ...     lstm = PathLSTM(rnn, state, torch.zeros(2, 4, 3), paths=10, own=1)
        ...     lstm.step(0, [torch.zeros(2, 10)]).shape  # [B * S, E]
        torch.Size([20, 8])
    """

    def __init__(
        self, rnn: nn.LSTM, state: tuple[Tensor, Tensor], inputs: Tensor, paths: int, *, own: int
    ) -> None:
        """`state` is of the windows, [layers, B, E] each; `inputs` [B, T, F] are shared by a window's paths.

        At most the first `own` of the inputs a path has of its own; they are 0 in `inputs` then.
        """
        self._shape, self._width, self._own = (len(inputs), paths), rnn.hidden_size, own
        weights = [[getattr(rnn, f"{name}_l{k}") for name in _WEIGHTS] for k in range(rnn.num_layers)]
        enter, recur = weights[0][:2]
        self._shared = (inputs @ enter.T + (weights[0][2] + weights[0][3])).permute(1, 2, 0)  # [T, 4 E, B]
        self._first = torch.cat([enter[:, :own].flip(1), recur], dim=1)
        self._upper = [torch.cat([w[0], (w[2] + w[3])[:, None], w[1]], dim=1) for w in weights[1:]]
        hidden, cell = (part.transpose(1, 2).repeat_interleave(paths, dim=2) for part in state)
        self._rows = hidden.new_ones((own + len(hidden) * (self._width + 1), hidden.shape[2]))
        self._hidden = [
            self._rows[begin : begin + self._width] for begin in map(self._begin, range(len(hidden)))
        ]
        for rows, value in zip(self._hidden, hidden, strict=True):
            rows.copy_(value)
        self._cell = cell  # [layers, E, B * S]

    def step(self, step: int, own: Sequence[Tensor]) -> Tensor:
        """The top layer's state [B * S, E] after `step`; `own` are the first inputs, each [B, S]."""
        for place, values in enumerate(own, start=1):
            self._rows[self._own - place] = values.flatten()
        unused = self._own - len(own)
        gates = torch.mm(self._first[:, unused:], self._rows[unused : self._own + self._width])
        gates.view(-1, *self._shape).add_(self._shared[step, :, :, None])
        self._update(0, gates)
        for layer, weight in enumerate(self._upper, start=1):
            below = self._rows[self._begin(layer - 1) : self._begin(layer) + self._width]
            self._update(layer, torch.mm(weight, below))
        return self._hidden[-1].T

    def _begin(self, layer: int) -> int:
        return self._own + layer * (self._width + 1)

    def _update(self, layer: int, gates: Tensor) -> None:
        cell = self._cell[layer]
        gates[: 2 * self._width].sigmoid_()
        enter, forget, candidate, leave = gates.chunk(_GATES)
        cell.mul_(forget).addcmul_(enter, candidate.tanh_())
        torch.mul(cell.tanh(), leave.sigmoid_(), out=self._hidden[layer])


_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
