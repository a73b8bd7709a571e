"""The few-shot protocol, baselines (one a file) and studies (one a file); each writes JSON."""

from metaplastic.evaluation.few_shot import Evaluation, evaluate
from metaplastic.evaluation.protocol import FewShotConfig

__all__ = ["Evaluation", "FewShotConfig", "evaluate"]
