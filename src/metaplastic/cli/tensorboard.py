"""A run's metrics as TensorBoard events; needs the extra `tensorboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaplastic.errors import MissingExtraError, RunError
from metaplastic.files import make_folder
from metaplastic.meta.run.reporter import Reporter


class TensorBoardReporter(Reporter):
    """Writes every number of every meta-step; raises `MissingExtraError` without the extra,
    `RunError` where the folder cannot be written in."""

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise MissingExtraError("tensorboardX", "tensorboard", "--tensorboard") from None
        make_folder(folder, RunError)
        self._writer = SummaryWriter(str(folder))

    def step(self, metrics: dict[str, Any], total: int) -> None:
        del total
        at = metrics["meta_step"]
        for name, value in metrics.items():
            if isinstance(value, dict):
                for age, number in value.items():
                    self._writer.add_scalar(f"{name}/{age}", number, at)
            elif name != "meta_step":
                self._writer.add_scalar(name, value, at)

    def close(self) -> None:
        self._writer.close()
