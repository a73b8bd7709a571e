"""Generator `reviews`: short documents that contain few words of the vocabulary.

Like `topics`, but sparse: after standardisation word by word, a rare word is zero nearly everywhere
and large where it occurs, so that single inputs drown out the informative directions. Classes
differ along one or two directions, among more topics unrelated to them.
"""

from __future__ import annotations

from metaplastic.tasks.generators.topics import Topics


class Reviews(Topics):
    """Endless corpora of short documents."""

    address = "reviews"
    topics = (4, 16)
    directions = (1, 2)
    scale = (0.3, 0.7)
    density = (0.1, 0.4)
