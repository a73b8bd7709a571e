"""The outer loop: unrolls, gradient estimators, engines, checkpoints, the trainer."""
