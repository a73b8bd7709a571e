"""The outer loop: unrolls, gradient estimators, engines, checkpoints and the trainer.

from metaplastic.meta import make_config, meta_train

meta_train(make_config("quick"), "runs/mine")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaplastic import lazy

if TYPE_CHECKING:
    from metaplastic.meta.config import MetaTrainConfig
    from metaplastic.meta.config_tables import make_config
    from metaplastic.meta.run.orchestration import RunOptions, meta_train, run_stages
    from metaplastic.meta.run.reporter import Reporter
    from metaplastic.meta.run.stages import make_stages
    from metaplastic.meta.run.trainer import Trainer

__getattr__ = lazy.exports(
    __name__,
    {
        "RunOptions": "metaplastic.meta.run.orchestration",
        "MetaTrainConfig": "metaplastic.meta.config",
        "Reporter": "metaplastic.meta.run.reporter",
        "Trainer": "metaplastic.meta.run.trainer",
        "make_config": "metaplastic.meta.config_tables",
        "make_stages": "metaplastic.meta.run.stages",
        "meta_train": "metaplastic.meta.run.orchestration",
        "run_stages": "metaplastic.meta.run.orchestration",
    },
)

__all__ = [
    "MetaTrainConfig",
    "Reporter",
    "RunOptions",
    "Trainer",
    "make_config",
    "make_stages",
    "meta_train",
    "run_stages",
]
