"""The network: packs of images, the encoder's memory, precision, and the cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from locany.errors import CheckpointTensorError, DataError
from locany.model import CacheView, KVCache, LocateModel, text_layout, visible
from locany.model.attention import attend_images, attend_text
from locany.model.locate_model import image_places
from locany.model.packed import is_packed, join_layers, pack_model
from locany.model.quantize import quantize_model
from locany.model.quantized_weight import INT8
from locany.train.lora import LoraConfig, add_lora
from locany.weights import save_model
from tests.tiny import TINY_TOKEN_IDS, tiny_model

GRIDS = [(4, 6), (2, 2), (4, 6), (8, 2)]


def pixels(grids: list[tuple[int, int]], seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(sum(h * w for h, w in grids), 3, 14, 14, generator=generator)


@pytest.fixture(scope="module")
def model() -> LocateModel:
    return tiny_model(0)


class LargestTensor(TorchDispatchMode):
    """Remember the largest tensor that any operation puts out."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.numel = max(self.numel, tensor.numel())
        return out


@contextmanager
def largest_tensor() -> Iterator[LargestTensor]:
    with LargestTensor() as mode:
        yield mode


@torch.inference_mode()
def test_images_of_a_pack_do_not_see_each_other(model: LocateModel) -> None:
    together = model.encode_images(pixels(GRIDS), GRIDS)
    patches = pixels(GRIDS).split([h * w for h, w in GRIDS])
    alone = torch.cat([model.encode_images(p, [g]) for p, g in zip(patches, GRIDS, strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_encoder_never_allocates_the_score_matrix(model: LocateModel) -> None:
    grid = (48, 40)
    with largest_tensor() as largest:
        model.encode_images(pixels([grid]), [grid])
    num_patches = grid[0] * grid[1]
    assert largest.numel < num_patches**2, "a dense score matrix was allocated"
    assert largest.numel <= num_patches * 3 * 14 * 14, "nothing larger than the pixels is needed"


def test_plain_and_fused_attention_agree() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 4, 30, 16) for _ in range(3))
    mask = torch.ones(2, 30, 30, dtype=torch.bool).tril()
    with torch.no_grad():
        fused = attend_text(q, k, v, mask)
    torch.testing.assert_close(attend_text(q, k, v, mask), fused, rtol=1e-4, atol=1e-5)
    images = [t.transpose(1, 2).flatten(0, 1) for t in (q, k, v)]
    with torch.no_grad():
        fused = attend_images(*images, lengths=[30, 30])
    torch.testing.assert_close(attend_images(*images, lengths=[30, 30]), fused, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_folded_query_groups_equal_repeated_keys() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 8, 6, 16), torch.randn(3, 2, 40, 16), torch.randn(3, 2, 40, 16)
    mask = torch.rand(3, 6, 40) < 0.5
    mask[..., 0] = True
    repeated = torch.nn.functional.scaled_dot_product_attention(
        q, k.repeat_interleave(4, 1), v.repeat_interleave(4, 1), attn_mask=mask[:, None]
    )
    torch.testing.assert_close(attend_text(q, k, v, mask), repeated, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_bfloat16_stays_near_float32(model: LocateModel) -> None:
    half = tiny_model(0, dtype=torch.bfloat16)
    ids = torch.arange(40)[None]
    positions = torch.arange(40)[None]
    exact = model.decoder.logits(model(ids, positions, None))
    rough = half.decoder.logits(half(ids, positions, None))
    assert rough.dtype == torch.float32, "logits are float32 whatever the weights are"
    assert torch.nn.functional.cosine_similarity(exact.flatten(), rough.flatten(), dim=0) > 0.99
    visual = half.encode_images(pixels(GRIDS), GRIDS)
    assert visual.dtype == torch.bfloat16
    assert torch.isfinite(visual).all()


@torch.inference_mode()
def test_cached_forward_equals_whole_forward(model: LocateModel) -> None:
    text, config = model.config.text, model.config.text
    ids = torch.randint(0, 500, (1, 50), generator=torch.Generator().manual_seed(1))
    positions = torch.arange(50)[None]
    whole = model(ids, positions, None)
    cache = KVCache(
        text.num_layers, 1, config.num_kv_heads, 20, config.head_dim, torch.float32, torch.device("cpu")
    )
    cache.resize(1, 64)
    layout = text_layout(1, 50)
    parts = []
    for start, stop in ((0, 17), (17, 18), (18, 50)):
        span = slice(start, stop)
        mask = visible(layout[:, span], layout[:, :stop])
        view = CacheView(cache, slice(0, 1), positions[:, span], stop)
        parts.append(model(ids[:, span], positions[:, span], mask, None, view))
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-4, atol=1e-5)


def test_visual_tokens_replace_the_image_tokens_in_order(model: LocateModel) -> None:
    image = model.config.image_token_id
    ids = torch.tensor([[5, image, image, 7], [image, 9, 9, image]])
    visual = torch.arange(4.0)[:, None].expand(4, model.config.text.hidden_size)
    embeds = model.embed(ids, visual)
    assert embeds[ids == image][:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]
    torch.testing.assert_close(embeds[0, 3], model.decoder.embed.weight[7])
    at = image_places(ids, image)
    assert at.tolist() == [1, 2, 4, 7]
    assert torch.equal(model.embed(ids, visual, at), embeds)
    where = (ids == image)[..., None]
    assert torch.equal(embeds, model.decoder.embed(ids).masked_scatter(where, visual))
    with pytest.raises(AssertionError, match="4 image tokens in the text for 3 visual tokens"):
        model.embed(ids, visual[:3])


def test_joined_layers_answer_the_same_and_are_not_written(tmp_path: Path) -> None:
    model = tiny_model(std=0.1)
    ids = torch.arange(30).view(2, 15)
    positions = torch.arange(15).expand(2, -1)
    with torch.inference_mode():
        before = model.decoder.logits(model(ids, positions, None))
        count = sum(p.numel() for p in model.parameters())
        assert not is_packed(model)
        assert is_packed(join_layers(model))
        torch.testing.assert_close(
            model.decoder.logits(model(ids, positions, None)), before, rtol=1e-5, atol=1e-6
        )
    assert sum(p.numel() for p in model.parameters()) == count
    assert join_layers(model) is model, "what is joined stays"
    with pytest.raises(CheckpointTensorError):
        save_model(model, tmp_path / "saved", token_ids=TINY_TOKEN_IDS)
    with pytest.raises(DataError, match="names 'q'"):
        add_lora(model, LoraConfig(), 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_on_another_device_is_joined_to_answer(dtype: torch.dtype) -> None:
    assert is_packed(pack_model(tiny_model(dtype=dtype).to("meta")))
    quantised = quantize_model(tiny_model(dtype=dtype), INT8)
    assert not is_packed(join_layers(quantised))
