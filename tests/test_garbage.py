"""The garbage collector is paused while modules are imported and programs traced, no longer."""

import gc

import jax.numpy as jnp
import numpy as np
import pytest

from metaplastic import lazy
from metaplastic.compilation import quick_jit, quickest_jit
from metaplastic.garbage import not_collected


def test_it_is_paused_inside_and_on_again_after():
    assert gc.isenabled()
    with not_collected():
        assert not gc.isenabled()
        with not_collected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_turns_it_on_again():
    with pytest.raises(ZeroDivisionError), not_collected():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_it_stays_off_where_the_user_turned_it_off():
    gc.disable()
    try:
        with not_collected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_imports_pause_it(tmp_path, monkeypatch):
    (tmp_path / "imported_on_demand.py").write_text("import gc\nwas_on = gc.isenabled()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert lazy.load("imported_on_demand:was_on") is False
    assert gc.isenabled()


@pytest.mark.parametrize("jit", [quick_jit, quickest_jit])
def test_tracing_pauses_it_and_computes_the_same(jit):
    was_on = []

    @jit
    def weighted(x):
        was_on.append(gc.isenabled())
        return jnp.arange(4) * x

    assert np.array_equal(weighted(np.int32(3)), [0, 3, 6, 9])
    assert np.array_equal(weighted(np.int32(5)), [0, 5, 10, 15])
    assert was_on == [False]  # traced once
    assert gc.isenabled()
