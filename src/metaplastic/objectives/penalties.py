"""Penalties, and other positive numbers, as settings of meta-objectives hold them."""

from typing import Annotated

from pydantic import Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Penalties = tuple[Positive, ...]
