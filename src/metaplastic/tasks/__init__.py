"""Tasks of meta-training: data set × classes × permutation × augmentation × architecture."""

from metaplastic.tasks.architecture import Architecture, ArchitectureSpace
from metaplastic.tasks.augmentation import Augmentation
from metaplastic.tasks.dataset_source import DatasetSource
from metaplastic.tasks.generators import GENERATORS
from metaplastic.tasks.loading import load_sources
from metaplastic.tasks.row_source import RowSource
from metaplastic.tasks.source import Drawn, Source, fitting
from metaplastic.tasks.task import Task, TaskConfig, TaskSpace, ends, n_targets, sample_task

__all__ = [
    "GENERATORS",
    "Architecture",
    "ArchitectureSpace",
    "Augmentation",
    "DatasetSource",
    "Drawn",
    "RowSource",
    "Source",
    "Task",
    "TaskConfig",
    "TaskSpace",
    "ends",
    "fitting",
    "load_sources",
    "n_targets",
    "sample_task",
]
