"""Generator `reviews`: short documents, most words of the vocabulary in none of their places.

As `topics`, but sparse: standardised word by word, a rare word is zero nearly everywhere and large
where it stands, so that single inputs drown the directions that matter. Classes lie along one
direction or two, among more topics that say nothing of them.
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
