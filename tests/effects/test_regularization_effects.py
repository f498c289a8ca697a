"""The experiments of section 06: what one of them rests on."""

from __future__ import annotations

import pytest

from course import effects


@pytest.mark.slow
def test_halving_the_kernels_before_batch_norm_changes_next_to_nothing():
    """Exactly nothing, were it not for the ε that batch norm adds to the variance."""
    assert effects.get("regularization.weight_decay").run(5)["change when kernels are halved"] < 1e-3
