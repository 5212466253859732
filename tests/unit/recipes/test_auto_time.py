"""Auto's time: by a clock by which nothing takes time but sleep, so that a busy machine changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from auto_members import Clock, SteppedFitted, fit, judged, portfolio, register, standing_clock
from foretell.models.fitted_model import FittedModel
from panels import weeks


@pytest.fixture(autouse=True)
def _fakes_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with standing_clock(monkeypatch) as still:
        yield still


def test_the_time_that_auto_says_would_be_enough_is_enough(clock: Clock) -> None:
    members = ("slow", "near")
    model = fit(*members, limit="2s", panel=weeks(items=20))
    (finding,) = model.findings
    assert finding.code == "late_members"
    assert finding.count == 1
    assert finding.message.startswith("1 member of auto had too little time to be judged (slow)")
    enough = finding.message.split("'")[1]
    (title,) = model.summary()
    assert f"a time limit of {enough} would be enough for all" in title
    better = fit(*members, limit=enough, panel=weeks(items=20))
    assert better.findings == ()
    assert {trial.score is None for trial in portfolio(better).trials} == {False}


def stepped(model: FittedModel, label: str) -> SteppedFitted:
    predictor = portfolio(model).members[portfolio(model).labels.index(label)].predictor
    assert isinstance(predictor, SteppedFitted)
    return predictor


def test_where_there_is_time_every_network_is_judged_with_all_its_steps_and_trained_anew_on_everything(
    clock: Clock,
) -> None:
    model = fit("stepped:off=0.5", "stepped:off=-0.7", limit="600s", trials=0)
    for label, trial in judged(model).items():
        # 40 steps of a tenth of a second to be judged, in two parts, and 40 more on everything
        assert trial.fit_seconds == pytest.approx(8.0)
        assert trial.note == ""
        last = stepped(model, label)
        assert (last.begin, last.steps, last.learnt) == (0, 40, 4 * 70)


def test_where_time_is_short_the_network_that_leads_gets_the_steps_that_the_others_do_not(
    clock: Clock,
) -> None:
    # 9.75 s to judge: 10 steps of each take 1 s; the other 30 of the best take 3, and 2.75 are left for the second
    names = [f"stepped:max_steps=40:off={off}" for off in (4, 0, 6, 1)]
    trials = judged(fit(*names, limit="15s", trials=0))
    seconds = {label.split("=")[-1]: trial.fit_seconds for label, trial in trials.items()}
    assert trials[names[1]].weight > 0.8
    assert seconds["0"] >= 4.0
    assert 3.0 < seconds["1"] < 8.0
    assert (seconds["4"], seconds["6"]) == pytest.approx((1.0, 1.0))


def test_a_network_goes_on_from_the_weights_it_was_judged_with_where_it_cannot_begin_again(
    clock: Clock,
) -> None:
    model = fit("stepped:max_steps=200", limit="20s", trials=0)
    last = stepped(model, "stepped:max_steps=200")
    assert last.learnt == 4 * 70  # what comes last is learnt from everything
    assert last.begin >= 100  # after half of its steps at least
    assert last.steps > last.begin
    assert judged(model)["stepped:max_steps=200"].note == "trained on from the weights it was judged with"
    assert clock.now <= 20


def test_a_network_that_more_steps_make_worse_counts_as_it_was_first_judged(clock: Clock) -> None:
    (trial,) = portfolio(fit("stepped:spoilt=True", limit="600s", trials=0)).trials
    (as_after_ten,) = portfolio(fit("quick:off=0.25")).trials
    assert trial.score == pytest.approx(as_after_ten.score)
    assert trial.fit_seconds == pytest.approx(8.0)  # 1 and 3 to be judged, 4 on everything
