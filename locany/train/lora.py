"""LoRA: small matrices that learn beside frozen linear layers.

An adapted layer stays a `nn.Linear` under its own name, with two more parameters; so nothing else in the
model, the engine, compilation or sharding has to know. Files are peft's (`locany/weights/adapter.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from locany.errors import CheckpointTensorError, DataError
from locany.model import LocateModel
from locany.model.quantize import refuse_quantized
from locany.train.ranks import whole
from locany.weights.adapter import Adapter, read_adapter
from locany.weights.apply import check_base, fingerprint, merged_weight

DECODER = ("q", "k", "v", "attn_out", "mlp.gate", "mlp.up", "mlp.down")
VISION = ("qkv", "attn_out", "mlp_in", "mlp_out")
_PROJECTOR = ("lift", "out")


@dataclass(frozen=True)
class LoraConfig:
    """Which linear layers get adapters, and of what kind.

    Attributes:
        rank: inner size of each pair of matrices.
        alpha: each pair's product is multiplied by alpha / rank.
        dropout: share of inputs dropped before the first matrix, in training.
        decoder: linear layers of each decoder layer, by their names in `DecoderLayer`.
        vision: linear layers of each vision layer, by their names in `VisionLayer`.
        projector: "lora" adapts its two linear layers, "full" trains all of it, "frozen" leaves it alone.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.05
    decoder: tuple[str, ...] = DECODER
    vision: tuple[str, ...] = VISION
    projector: str = "lora"

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise DataError(f"recipe: lora.rank is {self.rank}, expected at least 1")
        if not self.alpha > 0:
            raise DataError(f"recipe: lora.alpha is {self.alpha}, expected more than 0")
        if not 0 <= self.dropout < 1:
            raise DataError(f"recipe: lora.dropout is {self.dropout}, expected 0 or more and less than 1")
        if self.projector not in ("lora", "full", "frozen"):
            raise DataError(
                f"recipe: lora.projector is {self.projector!r}, expected 'lora', 'full' or 'frozen'"
            )
        if not (self.decoder or self.vision) and self.projector == "frozen":
            raise DataError("recipe: lora names no layer at all; give lora.decoder, lora.vision or both")


class LoraLinear(nn.Linear):
    """x W' + bias + scale * dropout(x) A' B', with W and bias those of the layer it takes the place of."""

    def __init__(self, base: nn.Linear, a: Tensor, *, scale: float, dropout: float):
        """`a` is [rank, in]; B starts at zero, so the layer starts as the base."""
        super().__init__(base.in_features, base.out_features, base.bias is not None, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self.scale, self.dropout = scale, dropout
        # float32 whatever the base is: updates are far smaller than a bfloat16 step.
        a = a.to(self.weight.device, torch.float32)
        self.lora_a = nn.Parameter(a)
        self.lora_b = nn.Parameter(a.new_zeros(self.out_features, len(a)))

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_autocast_enabled(x.device.type):
            y = super().forward(x)
        else:  # the base may be held in bfloat16
            y = F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))
        dropped = F.dropout(x, self.dropout, self.training)
        return y + self.scale * F.linear(F.linear(dropped, self.lora_a.to(x.dtype)), self.lora_b.to(x.dtype))


@dataclass(frozen=True)
class Lora:
    """What `add_lora` put into a model. Parameters are held by name, so sharding may replace them.

    Attributes:
        config: what was asked for.
        modules: names of the adapted linear layers.
        tensors: names of the parameters that learn as a whole (the projector, where it does).
        base: fingerprint of the base weights.
    """

    config: LoraConfig
    modules: tuple[str, ...]
    tensors: tuple[str, ...]
    base: str

    @property
    def names(self) -> list[str]:
        """Names of all parameters that learn."""
        return [f"{module}.{part}" for module in self.modules for part in ("lora_a", "lora_b")] + [
            *self.tensors
        ]

    def parameters(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """The parameters that learn, by name: all that an optimizer should hold.

        Raises:
            DataError: some of them do not learn, because parts of the model were frozen after `add_lora`.
        """
        own = dict(model.named_parameters())
        found = {name: own[name] for name in self.names}
        frozen = [name for name, parameter in found.items() if not parameter.requires_grad]
        if frozen:
            raise DataError(
                f"{len(frozen)} of {len(found)} parameters of the adapters are frozen, such as {frozen[0]}; "
                "freeze parts of the model before add_lora, not after it"
            )
        return found

    def adapter(self, model: nn.Module, *, base_name: str = "") -> Adapter:
        """The present state for `write_adapter`, on the CPU. Sharded: every rank must call it."""
        own = dict(model.named_parameters())
        state = {name: whole(own[name]).to("cpu", copy=True) for name in self.names}
        return Adapter(
            rank=self.config.rank,
            alpha=self.config.alpha,
            pairs={m: (state[f"{m}.lora_a"], state[f"{m}.lora_b"]) for m in self.modules},
            tensors={name: state[name] for name in self.tensors},
            dropout=self.config.dropout,
            base=self.base,
            base_name=base_name,
        )


def add_lora(model: LocateModel, config: LoraConfig, seed: int) -> Lora:
    """Freeze a model and put adapters on its linear layers; its outputs stay exactly the same.

    Call it before sharding and compiling. A is uniform within 1 / sqrt(in), decided by `seed`; B is zero.

    Raises:
        DataError: a layer is named that the model does not have, or the model has adapters already.
    """
    _refuse_adapted(model)
    refuse_quantized(model, "training an adapter")
    modules = _modules(model, config)
    base = fingerprint(model)
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name in modules:
        linear = model.get_submodule(name)
        assert isinstance(linear, nn.Linear)
        bound = linear.in_features**-0.5
        a = torch.empty(config.rank, linear.in_features).uniform_(-bound, bound, generator=generator)
        adapted = LoraLinear(linear, a, scale=config.alpha / config.rank, dropout=config.dropout)
        model.set_submodule(name, adapted.train(linear.training))
    tensors: tuple[str, ...] = ()
    if config.projector == "full":
        model.projector.requires_grad_(True)
        tensors = tuple(_projector_tensors(model))
    return Lora(config, tuple(modules), tensors, base)


@torch.no_grad()
def hold_in_bfloat16(model: LocateModel, lora: Lora) -> None:
    """Keep the frozen weights of adapted layers in bfloat16 where that loses nothing: half the memory.

    Under autocast a product takes them in bfloat16 anyway. Weights that bfloat16 cannot hold exactly stay.
    """
    for name in lora.modules:
        linear = model.get_submodule(name)
        assert isinstance(linear, LoraLinear)
        for parameter in (linear.weight, linear.bias):
            if parameter is not None:
                held = parameter.to(torch.bfloat16)
                if torch.equal(held.to(parameter.dtype), parameter):
                    parameter.data = held


def load_lora(model: LocateModel, folder: Path) -> Lora:
    """Put a saved adapter onto its plain base, to go on training it; rank and layers are the adapter's.

    Raises:
        CheckpointError: the adapter cannot be read or belongs to another base (see `read_adapter`), or adapts
            some layers of a kind and not others, which training here does not do.
        DataError: the model has adapters already.
    """
    _refuse_adapted(model)
    adapter = read_adapter(folder, model.config)
    config = LoraConfig(
        rank=adapter.rank,
        alpha=adapter.alpha,
        dropout=adapter.dropout,
        decoder=_adapted(adapter, "decoder", DECODER),
        vision=_adapted(adapter, "vision", VISION),
        projector="full" if adapter.tensors else "lora" if "projector.lift" in adapter.pairs else "frozen",
    )
    tensors = _projector_tensors(model) if adapter.tensors else []
    if set(_modules(model, config)) != set(adapter.pairs) or set(tensors) != set(adapter.tensors):
        raise CheckpointTensorError(
            f"{adapter.source} adapts only some layers of a kind, or trains parts beside the projector; "
            "training here cannot go on with it: merge it into its base and add new adapters"
        )
    check_base(model, adapter)
    lora = add_lora(model, config, seed=0)
    parameters = lora.parameters(model)
    with torch.no_grad():
        for module, (a, b) in adapter.pairs.items():
            parameters[f"{module}.lora_a"].copy_(a)
            parameters[f"{module}.lora_b"].copy_(b)
        for name, tensor in adapter.tensors.items():
            parameters[name].copy_(tensor)
    return lora


@torch.no_grad()
def merge_lora(model: LocateModel) -> None:
    """Make every adapted layer a plain one that computes the same, so that the model can be saved whole."""
    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLinear):
            plain = nn.Linear(module.in_features, module.out_features, module.bias is not None, device="meta")
            weight = merged_weight(module.weight, module.lora_a, module.lora_b, module.scale)
            plain.weight, plain.bias = nn.Parameter(weight, requires_grad=False), module.bias
            model.set_submodule(name, plain.train(module.training))


def _refuse_adapted(model: LocateModel) -> None:
    if any(isinstance(module, LoraLinear) for module in model.modules()):
        raise DataError(
            "the model has adapters already; go on training them (load_lora on the plain base), or merge "
            "them first (merge_lora)"
        )


def _modules(model: LocateModel, config: LoraConfig) -> list[str]:
    """Names of the linear layers that a config means."""
    return [
        *_in_layers(model, "decoder", config.decoder),
        *_in_layers(model, "vision", config.vision),
        *(f"projector.{name}" for name in _PROJECTOR if config.projector == "lora"),
    ]


def _in_layers(model: LocateModel, part: str, names: tuple[str, ...]) -> list[str]:
    layers = model.get_submodule(f"{part}.layers")
    assert isinstance(layers, nn.ModuleList)
    there = [name for name, module in layers[0].named_modules() if isinstance(module, nn.Linear)]
    for name in names:
        if name not in there:
            raise DataError(
                f"recipe: lora.{part} names {name!r}, but the linear layers there are: {', '.join(there)}"
            )
    return [
        f"{part}.layers.{number}.{name}" for number in range(len(layers)) for name in there if name in names
    ]


def _adapted(adapter: Adapter, part: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Which of `names` an adapter has in some layer of a part."""
    pattern = re.compile(rf"{part}\.layers\.\d+\.(.+)")
    found = {match[1] for match in map(pattern.fullmatch, adapter.pairs) if match}
    return tuple(name for name in names if name in found)


def _projector_tensors(model: LocateModel) -> list[str]:
    return [f"projector.{name}" for name, _ in model.projector.named_parameters()]
