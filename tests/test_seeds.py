"""Seeds of questions: repeatable, apart from those of engines, checked."""

import numpy as np
import pytest

import partialpool as pp
from partialpool.seeds import seed_sequence


def test_a_seed_repeats_and_has_a_stream_of_its_own():
    assert seed_sequence(3).generate_state(2).tolist() == seed_sequence(3).generate_state(2).tolist()
    engines = [tuple(child.generate_state(4)) for child in np.random.SeedSequence(3).spawn(64)]
    questions = [tuple(child.generate_state(4)) for child in seed_sequence(3).spawn(64)]
    assert not set(engines) & set(questions)
    assert seed_sequence(None).entropy != seed_sequence(None).entropy


@pytest.mark.parametrize("seed", [-1, 1.5, "a", True])
def test_what_is_no_seed(seed):
    with pytest.raises(pp.SpecError, match="seed is a whole number from 0"):
        seed_sequence(seed)
