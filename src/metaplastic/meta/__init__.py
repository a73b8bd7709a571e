"""The outer loop: unrolls, gradient estimators, engines, checkpoints, the trainer.

from metaplastic.meta import make_config, meta_train

meta_train(make_config("quick"), "runs/mine")
"""

from metaplastic import lazy

__getattr__ = lazy.exports(
    __name__,
    {
        "RunOptions": "metaplastic.meta.orchestration",
        "MetaTrainConfig": "metaplastic.meta.config",
        "Reporter": "metaplastic.meta.reporter",
        "Trainer": "metaplastic.meta.trainer",
        "make_config": "metaplastic.meta.config",
        "make_stages": "metaplastic.meta.stages",
        "meta_train": "metaplastic.meta.orchestration",
        "run_stages": "metaplastic.meta.orchestration",
    },
)
