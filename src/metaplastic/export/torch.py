"""A fitted encoder as a PyTorch module that can be fine-tuned, scripted and moved to a GPU.

Linear layers, `BatchNorm1d` with the fitted statistics, and activations are PyTorch's own; the
standardisation of the inputs, sin and step are small modules of `metaplastic.export.torch_modules`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metaplastic.base_model import BN_EPSILON
from metaplastic.encoder import PlasticEncoder
from metaplastic.encoder.reading import layers_read
from metaplastic.errors import ConfigError, MissingExtraError
from metaplastic.export.standardisation import Columns, Standardisation

if TYPE_CHECKING:
    import torch  # pyright: ignore[reportMissingImports]


def to_torch(encoder: PlasticEncoder) -> torch.nn.Module:
    """A module in evaluation mode: rows of inputs, float32 or float64, to rows of features,
    float32, the columns of `transform`.

    It is a `torch.nn.Sequential` where the last layer is read alone. Its first module standardises
    the inputs, in float64 where the encoder was fitted to inputs of so large or so small a scale
    that float32 does not hold them. `torch.jit.script` takes the module, and its `state_dict` holds
    all numbers. To load a module that was pickled whole, metaplastic must be installed. In training
    mode, batch norm uses the minibatch's statistics and updates its own. Raises MissingExtraError
    without PyTorch, scikit-learn's NotFittedError, ConfigError for an activation that has no module
    here.
    """
    try:
        import torch  # pyright: ignore[reportMissingImports]
        from torch import nn  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingExtraError("torch", "torch", "export to PyTorch") from None
    from metaplastic.export.torch_modules import SideBySide, Standardise

    check_is_fitted(encoder, "network_")
    network = encoder.network_

    def tensor(values: Any) -> torch.Tensor:
        return torch.from_numpy(np.array(values, np.float32))

    modules: list[list[nn.Module]] = [[Standardise(Standardisation.of(network))]]
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
        modules.append([linear, norm, _activation(network.activation)])
    layers = layers_read(encoder.layers, len(network.weights))
    if layers is None:
        return nn.Sequential(*(module for layer in modules for module in layer)).eval()
    columns = Columns.of(network, layers)
    needed = modules[: columns.deepest + 1]
    return SideBySide([nn.Sequential(*layer) for layer in needed], columns).eval()


def _activation(name: str) -> Any:
    from torch import nn  # pyright: ignore[reportMissingImports]

    from metaplastic.export.torch_modules import Sin, Step

    modules = {
        "relu": lambda: nn.ReLU(),
        "leaky_relu": lambda: nn.LeakyReLU(0.1),
        "swish": lambda: nn.SiLU(),
        "gelu": lambda: nn.GELU(approximate="tanh"),
        "tanh": lambda: nn.Tanh(),
        "sigmoid": lambda: nn.Sigmoid(),
        "sin": lambda: Sin(),
        "step": lambda: Step(),
    }
    if name not in modules:
        raise ConfigError(f"activation {name!r} has no PyTorch form in this version")
    return modules[name]()
