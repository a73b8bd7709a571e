"""Generator `topics`: bags of words, with information spread thinly over many inputs.

Documents are word counts, Poisson-distributed given their rates. The log-rate of a word follows a
Zipf law, plus topics unrelated to the class, plus a few directions along which the classes differ.
Unlike images, such data have no clusters: their leading subspace is worth learning. Counts become
inputs as in evaluation: log(1 + count), standardised word by word.
"""

from __future__ import annotations

import numpy as np

from metaplastic.tasks.architecture import Architecture
from metaplastic.tasks.augmentation import N_TARGETS, Augmentation
from metaplastic.tasks.source import Drawn, Source

SHARE = 0.3  # fraction of the words that a topic or a direction affects


class Topics(Source):
    """Endless corpora; the vocabulary has as many words as the architecture has inputs."""

    address = "topics"
    kind = "text"
    topics = (2, 12)  # fewest and most
    directions = (1, 4)  # along which the classes differ
    scale = (0.15, 0.4)  # of the effects of topics and of directions on the log-rate of a word
    density = (0.3, 1.5)  # tokens per word of the vocabulary, in a document of median length

    def draw(
        self,
        rng: np.random.Generator,
        n_classes: int,
        per_class: int,
        architecture: Architecture,
        augmentation: Augmentation,
        apart: int = 0,
    ) -> Drawn:
        """Draw a new corpus. The amounts are length, the two strongest topics, and noise level."""
        n, words = n_classes * per_class, architecture.n_inputs
        topics = int(rng.integers(self.topics[0], self.topics[1] + 1))
        directions = int(rng.integers(self.directions[0], self.directions[1] + 1))
        strength = 1.0 / np.sqrt(np.arange(1, topics + 1))
        nuisance = rng.standard_normal((n, topics))
        centres = rng.standard_normal((n_classes, directions)) * rng.uniform(1.0, 2.0)
        signal = np.repeat(centres, per_class, axis=0) + rng.standard_normal((n, directions))

        def loadings(count: int) -> np.ndarray:
            affected = rng.random((count, words)) < SHARE
            return affected * rng.standard_normal((count, words))

        scale = rng.uniform(*self.scale, 2)
        rates = -np.log(rng.permutation(words) + 2.0)
        rates = rates + scale[0] * (nuisance * strength) @ loadings(topics)
        rates = rates + scale[1] * signal @ loadings(directions)
        rates = np.exp(rates - rates.max(axis=1, keepdims=True))
        length = rng.standard_normal(n)
        tokens = words * rng.uniform(*self.density) * np.exp(0.5 * length)
        counts = rng.poisson(tokens[:, None] * rates / rates.sum(axis=1, keepdims=True))
        inputs = _standardised(np.log1p(counts))
        level = rng.uniform(0.0, 1.0, n)
        inputs += augmentation.noise * level[:, None] * rng.standard_normal(inputs.shape)
        amounts = np.stack([length, *nuisance.T[: N_TARGETS - 2], level], axis=1)
        return Drawn(
            _standardised(inputs).astype(np.float32), _standardised(amounts).astype(np.float32)
        )


def _standardised(columns: np.ndarray) -> np.ndarray:
    """Scale every column to zero mean and unit variance; constant columns become zero."""
    return (columns - columns.mean(axis=0)) / np.maximum(columns.std(axis=0), 1e-3)
