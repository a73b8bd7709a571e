"""Reporter that writes a run's metrics as TensorBoard events; needs the extra `tensorboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaplastic.errors import MissingExtraError, RunError
from metaplastic.files import make_folder
from metaplastic.meta.run.reporter import Reporter


class TensorBoardReporter(Reporter):
    """Writes every metric of every meta-step. Raises `MissingExtraError` without the extra, and
    `RunError` if the folder is not writable."""

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise MissingExtraError("tensorboardX", "tensorboard", "--tensorboard") from None
        make_folder(folder, RunError)
        self._writer = SummaryWriter(str(folder))

    def step(self, metrics: dict[str, Any], total: int) -> None:
        del total
        meta_step = metrics["meta_step"]
        for name, value in metrics.items():
            if isinstance(value, dict):
                for age, number in value.items():
                    self._writer.add_scalar(f"{name}/{age}", number, meta_step)
            elif name != "meta_step":
                self._writer.add_scalar(name, value, meta_step)

    def close(self) -> None:
        self._writer.close()
