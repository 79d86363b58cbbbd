import pytest

from stemzoo.simulate.elements import atomic_number, scattering_strength


def test_atomic_number():
    assert [atomic_number(symbol) for symbol in ("C", "Se", "W")] == [6, 34, 74]
    with pytest.raises(ValueError, match=r"symbol of an element. Received: 'Xx'"):
        atomic_number("Xx")


def test_columns_of_heavy_atoms_scatter_more():
    # 74^1.7 and twice 34^1.7.
    assert scattering_strength(["W"]) == pytest.approx(1505.5, abs=0.1)
    assert scattering_strength(["Se", "Se"]) == pytest.approx(2 * 401.3, abs=0.2)
