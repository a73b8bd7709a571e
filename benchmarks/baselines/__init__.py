"""Baselines: the same meta-gradient, written as others would write it. They import nothing from the
rules: they get θ as arrays and the rule's settings, and follow the equations."""
