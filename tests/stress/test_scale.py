from stress.scale import count, seeds


def test_a_smaller_share_runs_the_first_of_the_same_cases(monkeypatch):
    monkeypatch.setattr("stress.scale.SHARE", 1.0)
    full = seeds(200, "kills")
    monkeypatch.setattr("stress.scale.SHARE", 0.05)
    assert (count(200), count(3)) == (10, 1)
    assert seeds(200, "kills") == full[:10] != seeds(200, "faults")
