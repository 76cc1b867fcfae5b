"""What a run holds, where it comes from, and what it leaves: new or gone on with, saved, exported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from locany.codec.tokenizer import VOCAB_FILES, Tokenizer
from locany.data.lanes import LaneState
from locany.data.loader import Progress
from locany.errors import DataError
from locany.image import PreprocessConfig
from locany.model.locate_model import LocateModel
from locany.train.checkpoint import SavedState, States
from locany.train.config import PARTS, TrainConfig
from locany.train.dense import DenseHeads
from locany.train.feature_cache import FeatureCache
from locany.train.init import initialise
from locany.train.layers import wrap_layers
from locany.train.lora import Lora, LoraLinear, add_lora, hold_in_bfloat16
from locany.train.optim import Optimizers
from locany.train.ranks import Ranks, shard, split_like
from locany.train.sources import Rendered, Stored
from locany.train.warm_start import HEADS_FILE, read_heads, take_over, write_heads
from locany.weights.adapter import write_adapter
from locany.weights.apply import fingerprint
from locany.weights.fetch import find_checkpoint
from locany.weights.load import load_model
from locany.weights.merge import files_that_go_along, merge_adapter, token_ids_of
from locany.weights.save import save_model
from locany.weights.stored import CALIBRATION_FILE, PREPROCESS_FILE, PROCESSOR_FILE, read_preprocess

STATE_FORMAT = 5  # raised when an older state cannot be gone on with
MODEL, ADAPTER = "model", "adapter"  # folders that a finished run leaves
# What a run keeps: with other values its state would not fit, or samples would come again or never.
_FIXED = (
    *("model", "lora", "frozen", "optim.muon", "stream.num_lanes", "stream.seed"),
    *("data.seed", "data.sources", "data.skip_faults", "data.balance", "data.held_out"),
)
KEPT_FILES = (
    *(*VOCAB_FILES, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *(PREPROCESS_FILE, PROCESSOR_FILE),
)


@dataclass
class Run:
    """A run in memory.

    Attributes:
        model: on its device; with adapters in place where there are some.
        folder: of the vocabulary: the checkpoint's, or the recipe's.
        learning: the parameters that learn, by name.
        base: fingerprint of the checkpoint that it began from; "" from scratch.
        heads: the auxiliary heads; None where only the streams are learnt from.
        lora: the adapters; None where the weights learn.
        features: what the encoder made of images; None where it learns, or nothing is to be kept.
        ranks: the processes that run it.
        step, progress: how far it has come; the progress of other ranks' lanes is that of the newest state.
        data: fingerprint of the data sets that it has learnt from; "" where it has not learnt yet.
        own_lanes: those that this rank has taken packs from.
    """

    model: LocateModel
    folder: Path
    tokenizer: Tokenizer
    preprocess: PreprocessConfig
    learning: dict[str, nn.Parameter]
    optimizers: Optimizers
    base: str = ""
    heads: DenseHeads | None = None
    lora: Lora | None = None
    features: FeatureCache | None = None
    ranks: Ranks = field(default_factory=Ranks)
    step: int = 0
    progress: Progress = field(default_factory=Progress)
    data: str = ""
    own_lanes: dict[int, LaneState] = field(default_factory=dict)

    def advance(self, num_packs: int, lanes: Mapping[int, LaneState]) -> None:
        """A step has been learnt: so many packs over all ranks, and where this rank's lanes stand."""
        self.step += 1
        self.own_lanes |= lanes
        self.progress = Progress(self.progress.packs + num_packs, {**self.progress.lanes, **lanes})


def start(config: TrainConfig, ranks: Ranks) -> Run:
    """A new run, or the one that `config.out` holds.

    Raises:
        CheckpointError: the checkpoint to begin from cannot be used.
        DataError: the run folder holds a run of another recipe or version.
    """
    if config.rows % ranks.count:
        raise DataError(
            f"recipe: rows {config.rows} do not divide evenly among {ranks.count} ranks; choose a multiple"
        )
    as_json(config)  # now, not at the first save
    heads: DenseHeads | None = None
    lora: Lora | None = None
    base = ""
    if isinstance(config.model, str):
        folder = find_checkpoint(config.model, allow_download=False)
        _hold_apart(folder, config)
        model = load_model(folder, device=ranks.device, dtype=torch.float32)
        base = "" if config.lora else fingerprint(model)
    else:
        folder = Path(config.tokenizer)
        vocab = Tokenizer.from_folder(folder).vocab
        model = LocateModel(config.model)
        initialise(model, config.seed, vocab.coord_ids)
        if config.begin:
            begin = find_checkpoint(config.begin, allow_download=False)
            _hold_apart(begin, config)
            take_over(model, Tokenizer.from_folder(folder), begin)
        model.to(ranks.device)
    if config.loss.dense:
        heads = DenseHeads(model.config, torch.Generator().manual_seed(config.seed))
        if config.begin_heads:
            read_heads(heads, Path(config.begin_heads))
        heads.to(ranks.device)
    if config.lora:
        lora = add_lora(model, config.lora, config.seed)
        base = lora.base
        if config.bf16 and not config.shard:  # sharding wants one type in a layer
            hold_in_bfloat16(model, lora)
    else:
        model.requires_grad_(True)
        for part in config.frozen:
            getattr(model, part).requires_grad_(False)
    dropout = config.lora is not None and config.lora.dropout > 0
    wrap_layers(model, compiled=config.compile, checkpointing=config.checkpointing, dropout=dropout)
    if config.shard and not ranks.is_alone:
        # Features are kept by each rank for itself: the encoder runs where one misses, not on all at once.
        shard(model, ranks, encoder=not config.feature_bytes)
    if lora is not None:
        learning = lora.parameters(model)
    else:
        learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
        if not learning:
            raise DataError(f"recipe: frozen names all of {', '.join(PARTS)}, so nothing would learn")
    if heads is not None:
        learning |= {f"heads.{name}": p for name, p in heads.named_parameters()}
    run = Run(
        model=model,
        folder=folder,
        tokenizer=Tokenizer.from_folder(folder),
        preprocess=PreprocessConfig.from_json(*read_preprocess(folder)),
        learning=learning,
        optimizers=Optimizers(learning, config.optim),
        base=base,
        heads=heads,
        lora=lora,
        features=FeatureCache(config.feature_bytes) if config.feature_bytes else None,
        ranks=ranks,
    )
    _resume(run, config)
    return run


def _hold_apart(begin: Path, config: TrainConfig) -> None:
    """Refuse to begin from where the run will write its own model (DataError)."""
    if begin.resolve() == (Path(config.out) / MODEL).resolve():
        raise DataError(
            f"recipe: the run would begin from {begin} and in the end write its own model over it; give "
            "another run folder (out)"
        )


def _resume(run: Run, config: TrainConfig) -> None:
    """Go on from the newest state, if there is one."""
    states = States(Path(config.out))
    if states.newest is None:
        return
    # Every rank reads all of it; from a mapping they share the pages, and what moves to a GPU is copied.
    state = states.load(states.newest, mapped=run.ranks.device.type == "cuda")
    if state.get("format") != STATE_FORMAT:
        raise DataError(
            f"{config.out} holds a training state of format {state.get('format')}, this version reads "
            f"{STATE_FORMAT}; give another run folder, or go on with the version that began the run"
        )
    mine, theirs = as_json(config), state["config"]
    for new in ("balance", "held_out"):  # states of before do not know them
        theirs["data"].setdefault(new, 0.0)
    _fill_new_fields(theirs["data"]["sources"], config.data.sources)
    for name in _FIXED:
        new, old = _value(mine, name), _value(theirs, name)
        if new != old:
            raise DataError(
                f"{config.out} holds a run with another {name}: {_shorten(old)}, not {_shorten(new)}; "
                "give another run folder, or the recipe it was started with"
            )
    if state["base"] != run.base:
        raise DataError(
            f"{config.out} holds a run that began from other weights than {config.model} has now: what it "
            "learnt does not fit them; give another run folder, or put the old weights back"
        )
    if config.loss.dense and not theirs["loss"]["dense"]:
        raise DataError(
            f"{config.out} holds a run without auxiliary losses, which loss.dense={config.loss.dense} "
            "asks for; give another run folder and begin=MODEL, the model of this one"
        )
    if state["step"] > config.steps:
        raise DataError(
            f"{config.out} holds a run of {state['step']} steps, more than steps={config.steps}; "
            "ask for more steps, or give another run folder"
        )
    _take(run, state)
    run.optimizers.load_state_dict(state["optimizers"])
    run.step = state["step"]
    run.data = state.get("data", "")  # states of before do not know theirs
    lanes = {
        number: LaneState(lane["drawn"], tuple((position, age) for position, age in lane["waiting"]))
        for number, lane in state["progress"]["lanes"].items()
    }
    run.progress = Progress(state["progress"]["packs"], lanes)


def _fill_new_fields(stored: list[dict[str, Any]], sources: Sequence[Rendered | Stored]) -> None:
    """Give what a state of before says of its render engines the fields that came later, with their defaults.

    Such a default draws what was drawn without the field.
    """
    for old, source in zip(stored, sources, strict=False):
        settings = old.get("config")
        if not isinstance(source, Rendered) or not isinstance(settings, dict):
            continue
        for one in fields(source.config) if is_dataclass(source.config) else ():
            if one.default is not MISSING:
                settings.setdefault(one.name, json.loads(json.dumps(one.default)))


def hold_to_data(run: Run, config: TrainConfig, data: str) -> None:
    """Enter what the run learns from.

    Args:
        data: fingerprint of its data sets, see `SampleStream`.

    Raises:
        DataError: they are not those that it has learnt from so far: the samples behind a place of the
            stream would be others.
    """
    if run.data and run.data != data:
        raise DataError(
            f"{config.out} holds a run that has learnt {run.step} steps from these data sets as they were "
            "before something in them was changed; give another run folder (model= or begin= takes what was "
            "learnt), or put the data back"
        )
    run.data = data


def _take(run: Run, state: Mapping[str, Any]) -> None:
    """The weights of a state in place of the present ones."""
    with torch.no_grad():
        for name, parameter in run.learning.items():
            parameter.copy_(split_like(state["learning"][name], parameter))


def take_best(run: Run, config: TrainConfig) -> SavedState | None:
    """Go back to the weights of the state that scored best, to export them; None without scores."""
    states = States(Path(config.out))
    if states.best is not None:
        _take(run, states.load(states.best))
    return states.best


def save(run: Run, config: TrainConfig) -> None:
    """Write the state of a run: what learns, and how far it has come. All ranks come here, the first writes.

    The state is whole: any number of ranks can go on with it.
    """
    lanes = dict(run.progress.lanes)
    for own in run.ranks.gather(run.own_lanes):
        lanes |= own
    run.progress = Progress(run.progress.packs, lanes)
    state = {
        "format": STATE_FORMAT,
        "learning": {name: run.ranks.collect(parameter) for name, parameter in run.learning.items()},
        "optimizers": run.optimizers.state_dict(run.ranks),
        "step": run.step,
        "progress": asdict(run.progress),
        "config": as_json(config),
        "base": run.base,
        "data": run.data,
    }
    if run.ranks.is_first:
        States(Path(config.out), config.keep_last).save(state, run.step)


def whole_run(run: Run) -> Run | None:
    """The run with a model that the first rank can use alone; None on the other ranks. All must ask.

    A model that was split is whole in the host's memory: it may not fit into the device's.
    """
    split = dict(run.model.named_parameters())
    if not any(isinstance(parameter, DTensor) for parameter in split.values()):
        return run if run.ranks.is_first else None
    weights = {name: run.ranks.collect(parameter) for name, parameter in split.items()}
    if not run.ranks.is_first:
        return None
    with torch.device("meta"):
        model = LocateModel(run.model.config)
        for name in run.lora.modules if run.lora else ():
            base, adapted = model.get_submodule(name), run.model.get_submodule(name)
            assert isinstance(base, nn.Linear)
            assert isinstance(adapted, LoraLinear)
            a = torch.empty(adapted.lora_a.shape)
            model.set_submodule(name, LoraLinear(base, a, scale=adapted.scale, dropout=adapted.dropout))
    model.load_state_dict(weights, assign=True)
    return replace(run, model=model.train(run.model.training))


def export(run: Run, config: TrainConfig) -> Path:
    """Write the model of a run as a checkpoint in the published layout, and its adapter, if it has one.

    All ranks come here, the first one writes.

    Returns:
        The folder of the checkpoint, `model` in the run folder.
    """
    out = Path(config.out)
    complete = whole_run(run)
    if complete is None:
        pass
    elif complete.lora is not None:
        adapter = complete.lora.adapter(complete.model, base_name=str(config.model))
        write_adapter(adapter, out / ADAPTER, overwrite=True)
        merge_adapter(run.folder, out / ADAPTER, out / MODEL, overwrite=True)
    else:
        files = {path.name: path.read_bytes() for path in _kept_files(run, config)}
        ids = token_ids_of(run.folder) | run.tokenizer.vocab.to_config()  # also those that nobody asks for
        model = complete.model
        save_model(model, out / MODEL, token_ids=ids, files=files, dtype=torch.bfloat16, overwrite=True)
    if complete is not None and complete.heads is not None:
        write_heads(complete.heads, out / HEADS_FILE)
    return out / MODEL


def _kept_files(run: Run, config: TrainConfig) -> list[Path]:
    """Of the folder that the run began from: of a checkpoint its licence, too, but not its calibration."""
    if isinstance(config.model, str):
        return [path for path in files_that_go_along(run.folder) if path.name != CALIBRATION_FILE]
    return [run.folder / name for name in KEPT_FILES if (run.folder / name).is_file()]


def as_json(config: TrainConfig) -> dict[str, Any]:
    """The config as JSON gives it back.

    Raises:
        DataError: JSON cannot hold it, so no state of the run could either.
    """
    try:
        plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"recipe: the config cannot be kept as JSON ({error}); use plain numbers, text, tuples and dicts "
            "in it"
        ) from error
    return plain


def measured_on(config: TrainConfig) -> str:
    """What decides the scores of a run beside its weights, as 16 hex digits."""
    plain = as_json(config)
    asked = [plain["evaluation"][name] for name in ("sources", "num_samples", "modes")]
    asked += [plain["data"]["held_out"]] if config.data.held_out else []
    asked += [plain["data"]["absent"], plain["data"]["answers"]]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def _value(config: Mapping[str, Any], name: str) -> Any:
    value: Any = config
    for part in name.split("."):
        value = value[part]
    return value


def _shorten(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
