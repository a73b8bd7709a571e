"""What is meta-trained on: data set × classes × permutation × augmentation × architecture."""

from metaplastic.tasks.architecture import Architecture, ArchitectureSpace
from metaplastic.tasks.augmentation import Augmentation
from metaplastic.tasks.dataset_source import DatasetSource
from metaplastic.tasks.generators import GENERATORS
from metaplastic.tasks.source import Drawn, Source, load_sources
from metaplastic.tasks.task import Task, TaskConfig, n_targets, sample_task

__all__ = [
    "GENERATORS",
    "Architecture",
    "ArchitectureSpace",
    "Augmentation",
    "DatasetSource",
    "Drawn",
    "Source",
    "Task",
    "TaskConfig",
    "load_sources",
    "n_targets",
    "sample_task",
]
