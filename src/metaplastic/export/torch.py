"""Export of a fitted encoder as a PyTorch module that can be fine-tuned, scripted and moved to a
GPU.

Linear layers, convolutions, batch norm with the fitted statistics, and activations are PyTorch's
modules; standardisation of the inputs, means over regions of a map, sin and step are small modules
of `metaplastic.export.torch_modules`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metaplastic.base_model import BN_EPSILON, Connection, Conv, Dense, Shape, regions
from metaplastic.encoder import PlasticEncoder
from metaplastic.encoder.reading import layers_read
from metaplastic.errors import ConfigError, MissingExtraError
from metaplastic.export.exportable import exportable
from metaplastic.export.standardisation import Columns, Standardisation

if TYPE_CHECKING:
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]


def to_torch(encoder: PlasticEncoder) -> torch.nn.Module:
    """Return a module in evaluation mode that maps rows of inputs, float32 or float64, to rows of
    features, float32, the columns of `transform`.

    It is a `torch.nn.Sequential` if only the last layer is read and no layer is residual. Its first
    module standardises the inputs, in float64 if the encoder was fitted to inputs whose scale is
    too large or too small for float32. `torch.jit.script` accepts the module, and its `state_dict`
    holds all numbers. To load a module that was pickled whole, metaplastic must be installed. In
    training mode, batch norm uses the minibatch's statistics and updates its running ones. Raises
    MissingExtraError without PyTorch, scikit-learn's NotFittedError, and ConfigError for an
    activation or a kind of layer without a PyTorch version here.
    """
    try:
        import torch  # pyright: ignore[reportMissingImports]
        from torch import nn  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingExtraError("torch", "torch", "export to PyTorch") from None
    from metaplastic.export.torch_modules import AsMap, Flat, SideBySide, Standardise

    network = exportable(encoder)

    def tensor(values: Any) -> torch.Tensor:
        return torch.from_numpy(np.array(values, np.float32))

    spec = network.spec
    modules: list[list[nn.Module]] = [[Standardise(Standardisation.of(network))]]
    readers: list[nn.Module] = [nn.Identity()]
    if len(spec.inputs) == 3:
        modules[0].append(AsMap(list(spec.inputs)))
        readers[0] = Flat()
    for (below, connection), weight, bias, statistics in zip(
        spec.wired, network.weights, network.biases, network.statistics, strict=True
    ):
        linear = _linear(connection, below, tensor(weight))
        above = connection.above(below)
        norm = (nn.BatchNorm1d if len(above) == 1 else nn.BatchNorm2d)(above[-1], eps=BN_EPSILON)
        with torch.no_grad():
            norm.bias.copy_(tensor(bias))
        norm.running_mean = tensor(statistics.mean)
        norm.running_var = tensor(statistics.variance)
        modules.append([*linear, norm, _activation(spec.activation)])
        readers.append(
            nn.Identity() if len(above) == 1 else nn.Sequential(*_read(above, spec.pool))
        )
    layers = layers_read(encoder.layers, len(spec.layers))
    skips = [0, *(connection.skip for connection in spec.layers)]
    if layers is None and not any(skips):
        if len(spec.shapes[-1]) == 3:
            modules.append(_read(spec.shapes[-1], spec.pool))
        return nn.Sequential(*(module for layer in modules for module in layer)).eval()
    columns = Columns.last(network) if layers is None else Columns.of(network, layers)
    needed = columns.deepest + 1
    stages = [nn.Sequential(*layer) for layer in modules[:needed]]
    return SideBySide(stages, skips[:needed], readers[:needed], columns).eval()


def _linear(connection: Connection, below: Shape, weight: torch.Tensor) -> list[nn.Module]:
    """Return the modules of a layer's linear map."""
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]

    if isinstance(connection, Dense):
        modules = _read(below, connection.pool) if len(below) == 3 else []
        product = nn.Linear(*weight.shape, bias=False)
        matrix = weight.T
    elif isinstance(connection, Conv):
        side = connection.kernel
        (top, bottom), (left, right) = (connection.margins(n) for n in below[:2])
        margins = (left, right, top, bottom)
        modules = [nn.ZeroPad2d(margins)] if any(margins) else []
        product = nn.Conv2d(below[2], connection.units, side, stride=connection.stride, bias=False)
        matrix = weight.reshape(side, side, below[2], -1).permute(3, 2, 0, 1)
    else:
        raise ConfigError(f"layers of kind {connection.kind!r} cannot be exported to PyTorch")
    with torch.no_grad():
        product.weight.copy_(matrix)
    return [*modules, product]


def _read(shape: Shape, grid: int | None) -> list[nn.Module]:
    """Return the modules that turn a map into a matrix."""
    from metaplastic.export.torch_modules import Flat, Regions

    if grid is None:
        return [Flat()]
    rows, columns = (regions(n, grid) for n in shape[:2])
    return [Regions(rows, columns.T), Flat()]


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
        raise ConfigError(f"activation {name!r} cannot be exported to PyTorch in this version")
    return modules[name]()
