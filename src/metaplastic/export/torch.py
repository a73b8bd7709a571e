"""A fitted encoder as a plain PyTorch module: nothing but layers that PyTorch itself has.

Standardisation and batch norm are `BatchNorm1d` with the fitted statistics, so that the module can
be fine-tuned with labels, saved by its `state_dict`, scripted and moved to a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metaplastic.base_model import BN_EPSILON
from metaplastic.encoder import PlasticEncoder
from metaplastic.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    import torch  # pyright: ignore[reportMissingImports]


def to_torch(encoder: PlasticEncoder) -> torch.nn.Sequential:
    """A `torch.nn.Sequential` in evaluation mode, from rows of inputs to rows of features, float32.

    Its first module standardises the inputs. Raises MissingExtraError without PyTorch,
    scikit-learn's NotFittedError, ConfigError for an activation that has no module here.
    """
    try:
        import torch  # pyright: ignore[reportMissingImports]
        from torch import nn  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingExtraError("torch", "torch", "export to PyTorch") from None
    check_is_fitted(encoder, "network_")
    network = encoder.network_

    def tensor(values: Any) -> torch.Tensor:
        return torch.from_numpy(np.array(values, np.float32))

    n_in, scale = network.sizes[0], network.scale
    # batch norm folds its mean away, which costs precision where the mean is large
    centre = network.centre
    inputs = nn.BatchNorm1d(n_in, eps=0.0, affine=False)
    inputs.running_mean = torch.full((n_in,), scale.mean - centre)
    inputs.running_var = torch.full((n_in,), scale.std**2)
    modules: list[nn.Module] = [] if centre == 0.0 else [_pointwise(nn, lambda x: x - centre)]
    modules.append(inputs)
    for weight, bias, statistics in zip(
        network.weights, network.biases, network.statistics, strict=True
    ):
        below, above = weight.shape
        linear = nn.Linear(below, above, bias=False)
        norm = nn.BatchNorm1d(above, eps=BN_EPSILON)
        with torch.no_grad():
            linear.weight.copy_(tensor(weight.T))
            norm.bias.copy_(tensor(bias))
        norm.running_mean = tensor(statistics.mean)
        norm.running_var = tensor(statistics.variance)
        modules += [linear, norm, _activation(nn, network.activation)]
    return nn.Sequential(*modules).eval()


def _activation(nn: Any, name: str) -> Any:
    modules = {
        "relu": lambda: nn.ReLU(),
        "leaky_relu": lambda: nn.LeakyReLU(0.1),
        "swish": lambda: nn.SiLU(),
        "gelu": lambda: nn.GELU(approximate="tanh"),
        "tanh": lambda: nn.Tanh(),
        "sigmoid": lambda: nn.Sigmoid(),
        "sin": lambda: _pointwise(nn, lambda z: z.sin()),
        "step": lambda: _pointwise(nn, lambda z: (z > 0).to(z.dtype)),
    }
    if name not in modules:
        raise ConfigError(f"activation {name!r} has no PyTorch form in this version")
    return modules[name]()


def _pointwise(nn: Any, function: Callable[[Any], Any]) -> Any:
    """A module without parameters, for a function that PyTorch has no module of."""

    class Pointwise(nn.Module):
        def forward(self, x: Any) -> Any:
            return function(x)

    return Pointwise()
