"""A run of meta-training from its first meta-step to its last: directory, checkpoints, metrics,
trainer and stages.

This package may import the engines. What the engines themselves need (configuration, plan) is in
`metaplastic.meta`.
"""
