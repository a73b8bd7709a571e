"""What is meta-trained on: data set × classes × permutation × augmentation × architecture."""

from metaplastic.tasks.architecture import Architecture, ArchitectureSpace
from metaplastic.tasks.augmentation import Augmentation
from metaplastic.tasks.source import Source, load_sources
from metaplastic.tasks.task import Task, TaskConfig, n_targets, sample_task

__all__ = [
    "Architecture",
    "ArchitectureSpace",
    "Augmentation",
    "Source",
    "Task",
    "TaskConfig",
    "load_sources",
    "n_targets",
    "sample_task",
]
