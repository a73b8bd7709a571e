"""Results of a study: means, standard errors, paired differences, versions and JSON files."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metaplastic import files
from metaplastic._version import __version__
from metaplastic.errors import DataError


def mean_and_error(values: Sequence[float]) -> dict[str, float | int]:
    """Compute mean and standard error over seeds (sample standard deviation / √n).

    Seeds without a number (NaN) are left out and counted in `failed`. The error of fewer than two
    numbers is not defined: NaN.
    """
    from scipy.stats import sem

    array = np.asarray(values, np.float64)
    good = array[np.isfinite(array)]
    if good.size == 0:
        return {"mean": math.nan, "standard_error": math.nan, "n": 0, "failed": int(array.size)}
    error = float(sem(good)) if good.size > 1 else math.nan
    return {
        "mean": float(np.mean(good)),
        "standard_error": error,
        "n": int(good.size),
        "failed": int(array.size - good.size),
    }


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float | int]:
    """Compute mean and standard error of the per-seed difference; positive if `ours` is better."""
    return mean_and_error([a - b for a, b in zip(ours, theirs, strict=True)])


def with_error(summary: Mapping[str, Any] | None, *, sign: bool = False, digits: int = 3) -> str:
    """Format a mean and its standard error, and how many seeds failed: "0.900 ± 0.010", or "0.900
    (one seed)" if there is no error; "no number" if all failed; "" for None."""
    if summary is None:
        return ""
    mean, error = summary["mean"], summary["standard_error"]
    if mean is None or math.isnan(mean):
        return "no number"
    shown = f"{mean:{'+' if sign else ''}.{digits}f}"
    notes = []
    # earlier results files have an error of 0 for one seed
    if error is None or math.isnan(error) or summary.get("n") == 1:
        notes += ["one seed"]
    else:
        shown += f" ± {error:.{digits}f}"
    if failed := summary.get("failed"):
        notes += [f"{failed} {'seeds' if failed > 1 else 'seed'} failed"]
    return f"{shown} ({', '.join(notes)})" if notes else shown


def versions() -> dict[str, str]:
    """Return the versions of the packages that the numbers depend on."""
    import equinox
    import jax
    import optax
    import scipy
    import sklearn

    return {
        "metaplastic": __version__,
        "python": platform.python_version(),
        "jax": jax.__version__,
        "jax_backend": jax.default_backend(),
        "equinox": equinox.__version__,
        "optax": optax.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }


def plain(value: Any) -> Any:
    """Convert a value for JSON, which has no NaN and no infinity: they become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path | str, content: Mapping[str, Any]) -> Path:
    """Write atomically, creating missing folders. Raises `DataError` if that fails."""
    path = Path(path)
    text = json.dumps(plain(content), indent=1) + "\n"
    files.write(path, text.encode(), DataError, parents=True)
    return path


def read_json(path: Path | str) -> dict[str, Any]:
    """Read a results file. Raises `DataError` if it is missing or not JSON."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no results file {path}; run the study that writes it first")
    try:
        content = files.read_json(path, DataError)
    except DataError as error:
        raise DataError(f"not a results file: {error}; delete it and run again") from None
    if not isinstance(content, dict):
        raise DataError(
            f"{path} is not a results file: it does not hold a JSON object; delete it and run again"
        )
    return content


def as_numbers(values: Sequence[float | None], count: int | None = None) -> list[float]:
    """Convert numbers of a results file, with null as NaN.

    Raises `DataError` if they are not numbers, or not `count` of them when that is given.
    """
    try:
        if count is not None and len(values) != count:
            raise ValueError
        return [math.nan if value is None else float(value) for value in values]
    except (TypeError, ValueError):
        raise DataError(
            "the cached numbers of an earlier run are damaged; compute them again with --fresh"
        ) from None
