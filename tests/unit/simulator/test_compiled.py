"""How the kernel is compiled: parts are made for compiled callers alone."""

import pytest

from simulator.kernel.random_numbers import exponential, normal_quantile


def test_a_part_called_from_python_says_so_instead_of_crashing() -> None:
    with pytest.raises(TypeError, match=r"exponential is a part .* make it an @entry"):
        exponential(1, 2, 3, 4)


def test_an_entry_answers_python() -> None:
    assert normal_quantile(0.5) == 0.0
