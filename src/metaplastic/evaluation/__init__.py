"""The few-shot protocol, baselines and studies (one per file); results are written as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaplastic import lazy

if TYPE_CHECKING:
    from metaplastic.evaluation.few_shot import Evaluation, evaluate
    from metaplastic.evaluation.protocol import FewShotConfig

__getattr__ = lazy.exports(
    __name__,
    {
        "Evaluation": "metaplastic.evaluation.few_shot",
        "evaluate": "metaplastic.evaluation.few_shot",
        "FewShotConfig": "metaplastic.evaluation.protocol",
    },
)

__all__ = ["Evaluation", "FewShotConfig", "evaluate"]
