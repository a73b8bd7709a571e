"""Processes forked after JAX was used, and JAX's 64-bit mode."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits

from metaplastic import PlasticEncoder
from metaplastic.rules import make_rule

SMALL = {"hidden_layer_sizes": (16,), "n_components": 8, "max_iter": 2, "random_state": 0}
FILES = Path(__file__).parent / "files"

FORKED = """
import multiprocessing, sys, warnings
import numpy as np, jax
warnings.simplefilter("ignore")  # JAX's own, of forks
import metaplastic
from metaplastic import PlasticEncoder, load_rule
from metaplastic.errors import MetaplasticError
from metaplastic.rules import make_rule

x = np.random.default_rng(0).normal(size=(300, 5))
rule = make_rule("hebbian", jax.random.key(0))
encoder = PlasticEncoder(rule, (16,), 8, max_iter=2, random_state=0).fit(x)
encoder.save(sys.argv[1])
expected = encoder.transform(x)

def refused(job):
    try:
        job()
    except MetaplasticError as error:
        assert "spawn" in str(error) and "loky" in str(error), error
        return
    raise AssertionError("not refused")

def child():
    for job in (
        lambda: PlasticEncoder(rule, (16,), 8, max_iter=2).fit(x),
        lambda: PlasticEncoder().fit(x),
        lambda: encoder.partial_fit(x),
        lambda: load_rule("default"),
    ):
        refused(job)
    assert (encoder.transform(x) == expected).all()
    assert (PlasticEncoder.load(sys.argv[1]).transform(x) == expected).all()
    fit = lambda: PlasticEncoder(rule, (16,), 8, max_iter=2).fit(x)
    grandchild = multiprocessing.get_context("fork").Process(target=refused, args=(fit,))
    grandchild.start()
    grandchild.join(60)
    assert grandchild.exitcode == 0

process = multiprocessing.get_context("fork").Process(target=child)
with metaplastic.blas._lock:  # as another thread of the parent may hold it at that moment
    process.start()
process.join(100)
print("hangs" if process.is_alive() else process.exitcode)
process.kill()
"""

UNUSED = """
import multiprocessing
import numpy as np
from metaplastic import PlasticEncoder

def child():
    import jax
    from metaplastic.rules import make_rule

    PlasticEncoder(make_rule("hebbian", jax.random.key(0)), (4,), 4, max_iter=1).fit(np.eye(6))

process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join(100)
print("hangs" if process.is_alive() else process.exitcode)
process.kill()
"""


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here"
)
@pytest.mark.parametrize("code", [FORKED, UNUSED], ids=["JAX used before", "JAX not used before"])
def test_a_forked_process_works_or_is_told_what_to_do(code: str, tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.safetensors")],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout.split()[-1:] == ["0"], done.stdout + done.stderr


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return load_digits().data[:300]


def test_jax_enable_x64_changes_nothing(x: np.ndarray, tmp_path) -> None:
    rule = make_rule("hebbian", jax.random.key(0))
    parameters = {**SMALL, "batch_size": 512}
    narrow = PlasticEncoder(rule, **parameters).fit(x)
    with jax.enable_x64(True):
        wide = PlasticEncoder(rule, **parameters).fit(x)
        wide.save(tmp_path / "wide.safetensors")
        loaded = PlasticEncoder.load(tmp_path / "wide.safetensors")
        for encoder in (wide, loaded):
            np.testing.assert_array_equal(encoder.transform(x), narrow.transform(x))
        assert loaded.partial_fit(x).n_rows_waiting_ == len(x)
        # a rule made here holds float64
        made = make_rule("hebbian", jax.random.key(0))
        encoder = PlasticEncoder(made, **parameters).fit(x, eval_set=(x, np.arange(len(x)) % 2))
        assert {leaf.dtype for leaf in jax.tree.leaves(encoder.phi_)} == {np.dtype("f4")}
        encoder.save(tmp_path / "made.safetensors")
        assert np.isfinite(PlasticEncoder.load(tmp_path / "made.safetensors").transform(x)).all()
        old = PlasticEncoder.load(FILES / "encoder-v1.safetensors")
    rows = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_allclose(old.transform(rows), np.load(FILES / "encoder-v1.npy"), atol=1e-5)


def test_importing_the_package_stays_light() -> None:
    code = "import sys, metaplastic; print('jax' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
