"""Baselines: the same meta-gradient as others would write it. They import nothing from the rules;
they are given θ as arrays and the rule's settings, and follow the equations."""
