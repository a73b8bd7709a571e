"""A run of meta-training from its first meta-step to its last: directory, checkpoints, metrics,
trainer, stages.

It stands above the engines; what an engine needs of a run (configuration, plan) is a floor below
them, in `metaplastic.meta`.
"""
