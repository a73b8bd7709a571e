"""The few-shot protocol, baselines (one a file) and studies (one a file); each writes JSON."""

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
