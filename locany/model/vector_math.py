"""The first call of torch's vector functions on the CPU, made by one thread; import this before others do it.

MKL 2024.2, which torch's x86 builds bring, settles at a function's first call which kernel it gets. Where
several threads make that call at once, on a busy machine, a part of the tensor can get one that is right to
four digits only: once, without a word (pytorch/pytorch#188792).
"""

from __future__ import annotations

import torch

for _function in (torch.exp, torch.log, torch.sqrt, torch.sin, torch.cos, torch.tanh, torch.erf):
    _function(torch.ones(1, device="cpu"))
