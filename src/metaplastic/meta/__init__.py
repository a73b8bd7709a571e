"""The outer loop: unrolls, gradient estimators, engines, checkpoints, the trainer.

from metaplastic.meta import make_config, meta_train

meta_train(make_config("quick"), "runs/mine")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaplastic import lazy

if TYPE_CHECKING:
    from metaplastic.meta.config import MetaTrainConfig
    from metaplastic.meta.config_tables import make_config
    from metaplastic.meta.orchestration import RunOptions, meta_train, run_stages
    from metaplastic.meta.reporter import Reporter
    from metaplastic.meta.stages import make_stages
    from metaplastic.meta.trainer import Trainer

__getattr__ = lazy.exports(
    __name__,
    {
        "RunOptions": "metaplastic.meta.orchestration",
        "MetaTrainConfig": "metaplastic.meta.config",
        "Reporter": "metaplastic.meta.reporter",
        "Trainer": "metaplastic.meta.trainer",
        "make_config": "metaplastic.meta.config_tables",
        "make_stages": "metaplastic.meta.stages",
        "meta_train": "metaplastic.meta.orchestration",
        "run_stages": "metaplastic.meta.orchestration",
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
