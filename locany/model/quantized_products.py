"""What multiplies activations with a quantised weight: the best that this torch and this device have.

The fast operations are private to torch. Each is tried once per device, on a small product whose result is
known, before a weight is given to it; where it is missing, fails, or computes something else, the next one
is taken. The last of each list is plain torch and right everywhere.
"""

from __future__ import annotations

from functools import cache
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from locany.model.quantized_weight import INT4, INT8, QuantizedWeight, quantize_weight, spread_groups

_PROBE_SHAPE = (128, 256)  # out, in; what every kernel takes
_PROBE_ERROR = 0.02  # relative; a wrong layout or sign is off by more than 1
_MIN_ROWS_ONEDNN = 4  # with 1 or 2 rows oneDNN takes a reference kernel for some shapes, 100 times slower
_MIN_ROWS_CUDA = 32  # torch._int_mm wants more than 16 rows there
_ROWS_STEP_CUDA = 16  # and its kernels whole tiles of them
_MIN_SIZE_ONEDNN = 1 << 21  # values of a weight; for less, torch._int_mm has less to set up: 30 % faster
_MAX_ROWS_INT4 = 48  # the CPU's 4-bit kernel takes its time per row; from here on unpacking first is faster
_MAX_ROWS_INT4_CUDA = 64  # that of CUDA reads the weight again for every 16 rows


class Product(Protocol):
    """Multiplies with one weight: [rows, in] of any floating type to [rows, out] of a floating type."""

    name: str

    def __call__(self, x: Tensor) -> Tensor: ...


def choose_product(weight: QuantizedWeight, dtype: torch.dtype) -> Product:
    """The fastest product for the weight's kind and shape on its device.

    Args:
        dtype: that of the activations, usually.
    """
    kinds: tuple[type[_Product], ...] = _INT8 if weight.kind == INT8 else _INT4
    for kind in kinds[:-1]:
        if kind.fits(weight) and _works(kind.name, weight.values.device, dtype):
            return kind(weight, dtype)
    return kinds[-1](weight, dtype)


class _Product:
    name = ""

    def __init__(self, weight: QuantizedWeight, dtype: torch.dtype):
        """Take what the kernel needs of the weight, in the form that it needs."""
        raise NotImplementedError

    def __call__(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    @staticmethod
    def fits(weight: QuantizedWeight) -> bool:
        """Whether device and shape are ones that the operation is meant for."""
        raise NotImplementedError


@cache
def _works(name: str, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a product comes out right on the device, for few rows and for many."""
    kind = next(kind for kind in (*_INT8, *_INT4) if kind.name == name)
    out, size = _PROBE_SHAPE
    numbers = torch.arange(out * size, device=device, dtype=torch.float32).view(out, size)
    weight = quantize_weight((numbers * 0.37).sin() + 0.1, INT8 if kind in _INT8 else INT4)
    try:
        with torch.no_grad():
            product = kind(weight, dtype)
            for rows in (1, 2 * _MAX_ROWS_INT4 + 1):
                x = (numbers[:rows].repeat(-(-rows // out), 1)[:rows] * 0.61).cos().to(dtype)
                expected = F.linear(x.float(), weight.dequantize())
                error = (product(x).float() - expected).norm() / expected.norm()
                if not bool(error < _PROBE_ERROR):  # also where it is not a number
                    return False
    except (AttributeError, RuntimeError, NotImplementedError, TypeError):
        return False
    return True


# -- int8: integers times integers --------------------------------------------------------------------------


def quantize_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """int8 [rows, in] and its scale, float32 [rows, 1]: the largest of a row is 127."""
    largest = x.abs().amax(-1, keepdim=True).float().clamp_min(1e-12)
    return (x * (127 / largest)).round_().to(torch.int8), largest / 127


class _Onednn(_Product):
    """oneDNN's int8 product on x86, with weights laid out for it beforehand."""

    name = "oneDNN int8"

    def __init__(self, weight: QuantizedWeight, dtype: torch.dtype):
        self.scale = weight.scale
        self.zeros = torch.zeros(len(weight.scale), dtype=torch.int64)
        self.packed = torch.ops.onednn.qlinear_prepack(weight.values.contiguous(), None)

    @staticmethod
    def fits(weight: QuantizedWeight) -> bool:
        return weight.values.device.type == "cpu" and weight.values.numel() >= _MIN_SIZE_ONEDNN

    def __call__(self, x: Tensor) -> Tensor:
        codes, scale = quantize_rows(x)
        rows = len(codes)
        if rows < _MIN_ROWS_ONEDNN:
            codes = F.pad(codes, (0, 0, 0, _MIN_ROWS_ONEDNN - rows))
        y = torch.ops.onednn.qlinear_pointwise(
            codes, 1.0, 0, self.packed, self.scale, self.zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return y[:rows].mul_(scale)


class _IntMM(_Product):
    """`torch._int_mm`: int8 times int8 to int32, on CUDA and on the CPU."""

    name = "torch._int_mm"

    def __init__(self, weight: QuantizedWeight, dtype: torch.dtype):
        self.values, self.scale = weight.values.contiguous().t(), weight.scale
        self.min_rows, self.step = (_MIN_ROWS_CUDA, _ROWS_STEP_CUDA) if weight.values.is_cuda else (0, 1)

    @staticmethod
    def fits(weight: QuantizedWeight) -> bool:
        if weight.values.device.type == "cpu":
            return torch.backends.mkldnn.is_available()  # without it a loop, slower than a product of floats
        return weight.values.is_cuda and weight.out_features % 8 == 0 and weight.in_features % 8 == 0

    def __call__(self, x: Tensor) -> Tensor:
        codes, scale = quantize_rows(x)
        rows = len(codes)
        missing = max(self.min_rows, -(-rows // self.step) * self.step) - rows
        if missing:
            codes = F.pad(codes, (0, 0, 0, missing))
        return torch._int_mm(codes, self.values)[:rows].float().mul_(scale).mul_(self.scale)


class _PlainInt8(_Product):
    """The same integers multiplied as float32: as exact as that is."""

    name = "plain int8"

    def __init__(self, weight: QuantizedWeight, dtype: torch.dtype):
        self.values, self.scale = weight.values, weight.scale

    @staticmethod
    def fits(weight: QuantizedWeight) -> bool:
        return True

    def __call__(self, x: Tensor) -> Tensor:
        codes, scale = quantize_rows(x)
        return F.linear(codes.float(), self.values.float()).mul_(scale).mul_(self.scale)


# -- 4 bits: integers as storage ----------------------------------------------------------------------------


class _Int4Cpu(_Product):
    """The CPU's 4-bit kernel for few rows; for many, its weights unpacked by us and multiplied as usual.

    The kernel knows bfloat16 well and float32 only as a slow loop, so few rows are rounded to bfloat16, which
    changes them far less than the 4 bits have changed the weights.
    """

    name = "4-bit CPU kernel"

    def __init__(self, weight: QuantizedWeight, dtype: torch.dtype):
        assert weight.offset is not None
        self.group, self.size = weight.group_size, weight.in_features
        self.scales = torch.stack([weight.scale.t(), weight.offset.t()], -1).contiguous()  # [groups, out, 2]
        codes = weight.codes().to(torch.int32)
        self.packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)

    @staticmethod
    def fits(weight: QuantizedWeight) -> bool:
        # Groups of 32 and more are the kernel's; blocks of 64 outputs are what `_unpacked` knows.
        return (
            weight.values.device.type == "cpu" and weight.group_size >= 32 and weight.out_features % 64 == 0
        )

    def __call__(self, x: Tensor) -> Tensor:
        if len(x) > _MAX_ROWS_INT4:
            return x @ self._unpacked(x.dtype)
        x = x.to(torch.bfloat16)
        return torch.ops.aten._weight_int4pack_mm_for_cpu(x, self.packed, self.group, self.scales)

    def _unpacked(self, dtype: torch.dtype) -> Tensor:
        """The weight as [in, out]. The kernel keeps blocks of 64 outputs, [in, 32] bytes: n and n + 32."""
        out = self.packed.numel() * 2 // self.size
        blocks = self.packed.view(torch.uint8).view(out // 64, self.size, 32).transpose(0, 1)
        values = torch.empty(self.size, out // 64, 2, 32, dtype=dtype)
        values[:, :, 0] = (blocks & 15).view(torch.int8) - 8
        values[:, :, 1] = (blocks >> 4).view(torch.int8) - 8
        scale, offset = (part.to(dtype).contiguous()[:, None] for part in self.scales.unbind(-1))
        values = values.view(-1, self.group, out)
        return torch.addcmul(offset, values, scale, out=values).view(self.size, out)


class _Int4Cuda(_Product):
    """CUDA's 4-bit kernel, for bfloat16 and few rows; for many, its weights unpacked by us."""

    name = "4-bit CUDA kernel"

    def __init__(self, weight: QuantizedWeight, dtype: torch.dtype):
        assert weight.offset is not None
        self.group = weight.group_size
        self.scales = torch.stack([weight.scale.t(), weight.offset.t()], -1).contiguous()
        codes = weight.codes()
        pairs = (codes[:, ::2] << 4 | codes[:, 1::2]).contiguous()
        tiles = next(tiles for tiles in (8, 4, 2) if weight.in_features % (16 * tiles) == 0)
        self.packed = torch.ops.aten._convert_weight_to_int4pack(pairs, tiles)

    @staticmethod
    def fits(weight: QuantizedWeight) -> bool:
        return weight.values.is_cuda and weight.group_size >= 32 and weight.out_features % 8 == 0

    def __call__(self, x: Tensor) -> Tensor:
        if len(x) > _MAX_ROWS_INT4_CUDA:
            scale, offset = self.scales.permute(2, 1, 0)
            return F.linear(x, spread_groups(unpack_tiles(self.packed), scale, offset, x.dtype))
        x = x.to(torch.bfloat16)
        return torch.ops.aten._weight_int4pack_mm(x, self.packed, self.group, self.scales)


def unpack_tiles(packed: Tensor) -> Tensor:
    """The codes, uint8 [out, in], of what `_convert_weight_to_int4pack` makes of them on a GPU of NVIDIA.

    Its tiles have 8 outputs and 16 inputs. Each of 32 lanes holds one output and four inputs of a tile, two
    neighbours in the first half of the 16 and two in the second; a word holds two tiles of a lane. ROCm has
    other tiles: there `_works` notices, and the plain product is taken.

    Args:
        packed: int32 [out / 8, in / (16 tiles), 32, tiles / 2].
    """
    outer, inner = packed.shape[:2]
    octets = packed.view(torch.uint8).unflatten(
        -1, (-1, 4)
    )  # from the lowest bits up, as all such machines do
    codes = torch.stack((octets & 15, octets >> 4), -1)
    # [outputs' tile, inputs' tiles, output, lane's inputs, word, second of two, second tile, second half]
    codes = codes.view(outer, inner, 8, 4, -1, 2, 2, 2).permute(0, 2, 1, 4, 6, 7, 3, 5)
    return codes.reshape(8 * outer, -1)


class _PlainInt4(_Product):
    """The weight in the activations' own type, made again for every product."""

    name = "plain 4-bit"

    def __init__(self, weight: QuantizedWeight, dtype: torch.dtype):
        self.weight = weight

    @staticmethod
    def fits(weight: QuantizedWeight) -> bool:
        return True

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.dequantize(x.dtype))


_INT8: tuple[type[_Product], ...] = (_Onednn, _IntMM, _PlainInt8)
_INT4: tuple[type[_Product], ...] = (_Int4Cpu, _Int4Cuda, _PlainInt4)
