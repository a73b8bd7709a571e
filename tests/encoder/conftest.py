"""What the encoder's tests share: one rule, few shapes, real digits."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits

from metaplastic.hub import shipped_rules
from metaplastic.rules import Rule, make_rule

HEBBIAN = make_rule("hebbian", jax.random.key(0))

# what the estimator's checks run with; the shipped rule where there is one
RULE: str | Rule = "default" if "default" in shipped_rules() else HEBBIAN


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits, float32 (1797, 64), and their labels."""
    x, y = load_digits(return_X_y=True)
    return x.astype(np.float32), y
