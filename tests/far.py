"""A second device that is none: numbers lie in the host's memory, while torch thinks them far away.

What only a GPU would show is shown without one: a tensor on the wrong device is an error as it is there, and
every time that the host asks for a number is counted. For a process of its own: torch's functions are
replaced, and a backend cannot be unregistered.
"""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

ROOM = str(Path(__file__).resolve().parents[1] / "locany")
# What a GPU cannot do without telling the host how large something is, or what a number is.
READERS = {
    "aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal", "aten::_unique2",
    "aten::repeat_interleave.Tensor", "aten::bincount", "aten::masked_scatter_backward",
}  # fmt: skip
INDEXING = {"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}
CROSSING = {"aten::_to_copy", "aten::copy_"}

reads: Counter[str] = Counter()  # "what: place in locany", by how often


class FarTensor(torch.Tensor):
    """A tensor on the far device; `near` has its numbers."""

    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> FarTensor:
        made: FarTensor = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            near.shape,
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device="far:0",
        )
        made.near = near
        return made

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class Far(TorchDispatchMode):
    """While it is entered, tensors can be made on `torch.device("far")` and moved there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name, overload = func._schema.name, func._schema.overload_name
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    far = [t for t in tensors if isinstance(t, FarTensor)]
    device = kwargs.get("device")
    if far and name not in CROSSING:
        _refuse_mixed(name, tensors)
    if far and (name in READERS or f"{name}.{overload}" in READERS):
        _note(name)
    if far and name in INDEXING and any(i is not None and i.dtype is torch.bool for i in args[1]):
        _note("index by booleans")
    if device is None:
        result_is_far = isinstance(args[0], FarTensor) if name == "aten::copy_" else bool(far)
    else:
        result_is_far = torch.device(device).type == "far"
        kwargs = {**kwargs, "device": torch.device("cpu")}
    if far and not result_is_far:
        _note("to the host")
    near_args, near_kwargs = tree_map_only(FarTensor, lambda t: t.near, (args, kwargs))
    result = func(*near_args, **near_kwargs)
    if not result_is_far:
        return args[0] if name == "aten::copy_" else result
    result = tree_map_only(Tensor, lambda t: t if isinstance(t, FarTensor) else FarTensor(t), result)
    return return_and_correct_aliasing(func, args, kwargs, result) if far else result


def _refuse_mixed(name: str, tensors: Iterable[Tensor]) -> None:
    """As torch does; single numbers of the host may go anywhere."""
    near = [tuple(t.shape) for t in tensors if not isinstance(t, FarTensor) and t.dim()]
    if near:
        raise RuntimeError(f"Expected all tensors to be on the same device: {name} got near ones of {near}")


def _note(what: str) -> None:
    places = [f for f in traceback.extract_stack() if f.filename.startswith(ROOM)]
    where = f"{Path(places[-1].filename).relative_to(ROOM)}:{places[-1].name}" if places else "outside"
    reads[f"{what}: {where}"] += 1


class _Generators(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _HostGenerator)


class _Generator(metaclass=_Generators):
    def __new__(cls, device: object = "cpu") -> Any:
        return _HostGenerator()


def _tensor(data: Any, *, device: Any = None, **options: Any) -> Tensor:
    made = _host_tensor(data, **options)
    return made if device is None else made.to(device)


_HostGenerator, _host_tensor = torch.Generator, torch.tensor


def install() -> torch.device:
    """Make torch know the device; before `locany` is imported."""
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    assert "locany" not in sys.modules, "it decorates with what is replaced here"
    _setup_privateuseone_for_python_backend("far")
    torch.far.get_amp_supported_dtype = lambda: [torch.bfloat16]  # type: ignore[attr-defined]
    # Wrapped tensors have no versions in inference mode, no kernel that takes lists, and no random numbers.
    torch.inference_mode = torch.no_grad  # type: ignore[assignment, misc]
    torch.tensor, torch.Generator = _tensor, _Generator  # type: ignore[assignment, misc]
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    return torch.device("far:0")
