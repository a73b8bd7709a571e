"""The claims about depth, width and receptive fields; see `claims.py`."""

from __future__ import annotations

from tests.docs.numbers import Claim, architecture, deep_and_wide, of_fields, value

GRID_WIDTHS = (64, 256, 512, 1024, 2048)
DEEPEST = deep_and_wide(11, 4096, name="deep/architectures")

NETWORKS = (
    Claim(
        "docs/method.md",
        "study `architectures`: {} on MNIST-14 |",
        (architecture("depths", "11"),),
    ),
    Claim(
        "docs/method.md",
        "11 layers of 256 units reach {}, less than 11 layers of 64, of 2,048 units {} and of "
        "4,096 units {};",
        (deep_and_wide(11, 256), deep_and_wide(11, 2048), DEEPEST),
    ),
    Claim(
        "docs/method.md",
        "study `architectures`: {} with one hidden layer of 10,000 units",
        (architecture("widths", "10,000"),),
    ),
    Claim(
        "docs/method.md",
        "with one hidden layer, {} with 64 units and {} with 256 | differs: no further gain beyond "
        "256, and with more layers wider ones are worse: from 64 to 2,048 units, five layers fall "
        "from {} to {}, eleven from {} to {} |",
        (
            architecture("widths", "64"),
            architecture("widths", "256"),
            *(deep_and_wide(layers, units) for layers in (5, 11) for units in (64, 2048)),
        ),
    ),
    Claim(
        "docs/studies.md",
        "neighbours correlate by {}, pixels of the images by {}): each is made of {} principal "
        "components",
        (
            of_fields("neighbours", 1),
            value("filters", "datasets", "mnist@14", "of_the_data", "neighbours", "mean"),
            of_fields("components", 1),
        ),
    ),
    Claim(
        "docs/studies.md",
        "made of {}, and neighbours correlate by {}; after 5,311 of {} (in a random network {}), "
        "by {} ± {} (over the 128 units of one network), and much of their weight lies on the "
        "margin, where pixels seldom vary (radius {})",
        (
            of_fields("components", 2),
            of_fields("neighbours", 2),
            of_fields("components", 3),
            of_fields("components", 0),
            of_fields("neighbours", 3),
            of_fields("neighbours", 3, "standard_error"),
            of_fields("radius", 3),
        ),
    ),
    Claim(
        "docs/studies.md",
        "nearly the first principal component ({} components, neighbours correlate by {}, pixels "
        "of the images by {}), after 500 meta-steps they are edges and blobs of colour, each made "
        "of {} components, and after 5,311 of {}, with neighbours at {}.",
        (
            of_fields("components", 1, address="cifar10@16"),
            of_fields("neighbours", 1, address="cifar10@16"),
            value("filters", "datasets", "cifar10@16", "of_the_data", "neighbours", "mean"),
            of_fields("components", 2, address="cifar10@16"),
            of_fields("components", 3, address="cifar10@16"),
            of_fields("neighbours", 3, address="cifar10@16"),
        ),
    ),
    Claim(
        "docs/method.md",
        "neighbouring pixels correlate by {}, {} and {} after 0, 500 and 5,311 meta-steps",
        tuple(of_fields("neighbours", row) for row in (1, 2, 3)),
    ),
    Claim(
        "docs/studies.md",
        "two layers reach {}, {}, {}, {} and {}, five {}, {}, {}, {} and {}, eleven {} ± {}, "
        "{} ± {}, {} ± {}, {} ± {} and {} ± {} (random networks of eleven "
        "layers {}, {}, {}, {} and {}; the inputs {})",
        (
            *(deep_and_wide(layers, units) for layers in (2, 5) for units in GRID_WIDTHS),
            *(
                deep_and_wide(11, units, key=key)
                for units in GRID_WIDTHS
                for key in ("mean", "standard_error")
            ),
            *(deep_and_wide(11, units, point=0) for units in GRID_WIDTHS),
            value("architectures", "raw", "mean"),
        ),
    ),
    Claim(
        "docs/studies.md",
        "eleven layers reach {}, after {} at 70 inner steps (random {})",
        tuple(deep_and_wide(11, 4096, point, name="deep/architectures") for point in (-1, -2, 0)),
    ),
    Claim(
        "README.md",
        "eleven layers of 64 units reach {} on MNIST-14, those with one hidden layer of 10,000 "
        "units {}; but eleven layers of 2,048 units reach only {}, no more than the pixels, and of "
        "4,096 units {}",
        (
            architecture("depths", "11"),
            architecture("widths", "10,000"),
            deep_and_wide(11, 2048),
            DEEPEST,
        ),
    ),
)
