"""The model that `locany eval` asks: loaded when a question is left to ask, here or in several copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locany.cli.evaluate_options import EvalOptions
from locany.cli.options import ModelOptions

if TYPE_CHECKING:
    from locany.eval.example import Example, Prediction
    from locany.eval.run import AskConfig

BUNDLED = "bundled"


def default_name(model: ModelOptions) -> str:
    """What a model is called in tables where nobody says otherwise."""
    name = "locany-mini" if model.model in (None, BUNDLED) else Path(str(model.model)).name
    return f"{name} + {model.adapter.name}" if model.adapter else name


class AskedModel:
    """A model that answers benchmarks.

    Args:
        model: which one, and on what.
        options: of the command.
    """

    def __init__(self, model: ModelOptions, options: EvalOptions):
        self.model, self.options = model, options
        self._locator: Any = None

    def settings(self) -> dict[str, Any]:
        """What decides answers: the weights, and down to the last digits device kind and number type.

        Raises:
            CheckpointError: there is no such checkpoint, adapter or calibration. DeviceError: no such device.
        """
        from locany.device import choose_dtype
        from locany.weights.folder_fingerprint import folder_fingerprint

        self._check()
        dtype, _ = choose_dtype(self.model.dtype, self._device())
        quant = {} if self.model.quant == "auto" else {"quant": self.model.quant}
        return {
            "weights": folder_fingerprint(self._folder(), self.model.adapter),
            "device": self._device().type,
            "dtype": str(dtype).removeprefix("torch."),
            **quant,
            **self._calibration(),
        }

    def facts(self) -> dict[str, Any]:
        """What speed depends on besides."""
        import torch

        from locany.eval.throughput_run import device_name

        threads = 1 if self._has_replicas() else torch.get_num_threads()
        hardware = device_name(self._device())
        return {"hardware": hardware, "threads": threads, "replicas": self.options.replicas}

    def answer(self, examples: Sequence[Example], config: AskConfig) -> Iterator[Prediction]:
        """Predictions in the order of the examples."""
        if self._has_replicas():
            return self._answer_on_replicas(examples, config)
        from locany.eval.run import predict
        from locany.locator import load

        if self._locator is None:
            self._locator = load(**self._loading(), max_rows=config.rows)
        return predict(self._locator, examples, config)

    def _answer_on_replicas(self, examples: Sequence[Example], config: AskConfig) -> Iterator[Prediction]:
        from locany.eval.replicas import ReplicaConfig, predict_on_replicas
        from locany.pipeline.run_ray import connect

        number, address = self.options.replicas, self.options.ray
        cluster = connect(address, number, "measuring with several copies of a model")
        gpus = 1 if self._device().type == "cuda" else 0
        replicas = ReplicaConfig(number, gpus, ship_images=address != "local")
        return predict_on_replicas(cluster, self._loading(), examples, config, replicas)

    def _has_replicas(self) -> bool:
        return self.options.replicas > 1 or self.options.ray != "local"

    def _device(self) -> Any:
        from locany.device import choose_device

        return choose_device(self.model.device)[0]

    def _loading(self) -> dict[str, Any]:
        """Arguments of `locator.load`, but for the rows."""
        return {
            "model": None if self.model.model in (None, BUNDLED) else self.model.model,
            "adapter": self.model.adapter,
            "device": self.model.device,
            "dtype": self.model.dtype,
            "quant": self.model.quant,
            "calibrated": not self.model.raw_scores,
            "calibration": self.model.calibration,
            "allow_download": not self.options.offline,
        }

    def _folder(self) -> Path:
        from locany.weights import find_checkpoint

        loading = self._loading()
        return find_checkpoint(loading["model"], allow_download=loading["allow_download"])

    def _check(self) -> None:
        """Raise where a misspelt adapter or curve would else be noted in the folder of the run as its own."""
        from locany.locator.calibration import named_calibration
        from locany.weights import load_config
        from locany.weights.adapter import read_adapter

        self.model.check_scores()
        if self.model.calibration is not None:
            named_calibration(self.model.calibration)
        if self.model.adapter is not None:
            read_adapter(self.model.adapter, load_config(self._folder()))

    def _calibration(self) -> dict[str, str]:
        """Which curve scores are read off; nothing for the model's own."""
        from locany.eval.results_folder import digest_of_file
        from locany.weights.stored import CALIBRATION_FILE

        named = self.model.calibration
        path = self._folder() if named is None else named.expanduser()
        path = path / CALIBRATION_FILE if path.is_dir() else path
        if self.model.raw_scores or (self.model.adapter and named is None) or not path.is_file():
            return {}
        return {"calibration": digest_of_file(path)[:16]}
