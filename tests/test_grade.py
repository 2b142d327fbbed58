"""The rule of the grade at each border, and what the eighty words say of it."""

import copy
from typing import Any

import pytest

from bsynth.analysis.comparison import said_of
from bsynth.analysis.verdict import Verdict, answer_of, take_apart, verdict
from bsynth.analysis.verdict.grade import BARELY
from bsynth.calibration import Backing


def row(method: str, estimate: float, lower: float | None, upper: float | None, **more: Any) -> dict[str, Any]:
    return {
        "method": method, "model": None, "estimand": "average", "estimate": estimate, "lower": lower, "upper": upper,
        "level": 0.95, "interval": "placebo", "p": 0.02, "probability_positive": None, "p_min": 0.02, "pre_rmspe": 1.0,
        "drift": False, "free_level": True, "lag1": 0.0, "status": "ok",
    } | more  # fmt: skip


@pytest.fixture
def numbers() -> dict[str, Any]:
    """Sales of one unit that fell by 10 without any doubt: calibrated, and confirmed by three methods."""
    bayes = {"model": "default", "p": None, "p_min": None, "probability_positive": 0.001}
    table = [
        row("bayes", -10.0, -14.0, -6.0, interval="calibrated", **bayes),
        row("bayes", -10.0, -13.0, -7.0, interval="predictive", **bayes),
        row("sc", -11.0, -17.0, -5.0, free_level=False),
        row("demeaned", -9.0, -15.0, -3.0),
        row("did", -8.0, -14.0, -2.0),
    ]
    return {
        "status": "ok", "outcome": "sales", "labels": {"outcome": "sales", "unit": "state", "higher_is": None},
        "treated": "A", "n_treated": 1, "additive": True, "units_words": "1 state", "periods_words": "5 years", "donors": 20, "donors_needed": 4, "n_pre": 15,
        "n_post": 5, "gaps": [], "level": 0.95, "hull": {"sd": 3.0, "outside": False}, "calibrated": True,
        "checks": {"status": "ok", "suggestion": None, "warnings": []}, "certificate": None, "truth": None,
        "unavailable": {}, "notes": [], "reason": "", "measured": [], "main_donors": ["B", "C"], "flagged": [],
        "drift_carries": False, "backing": donors(20),
        "observed": {"before": 50.0, "after": 42.0, "periods": 5},
        "kept": "sc", "table": table,
        "lifts": [{"method": "bayes", "model": "default", "interval": "calibrated", "lift": -0.2289, "lower": -0.312, "upper": -0.145}],
    }  # fmt: skip


def donors(n: int) -> dict[str, Any]:
    """What so many donors one by one are as placebos."""
    return said_of(Backing(n, n, "donor", 1))


def groups(worth: int) -> dict[str, Any]:
    """What 30 groups of donors are as placebos that overlap."""
    return said_of(Backing(30, worth, "group", 8))


def graded(numbers: dict[str, Any], **changes: Any) -> Verdict:
    """The verdict on a copy in which the calibrated row, or a fact by its name, is another."""
    found = copy.deepcopy(numbers)
    for name, value in changes.items():
        where = found["table"][0] if name in found["table"][0] else found
        where[name] = value
    return verdict(found)


@pytest.mark.parametrize(
    ("many", "clear", "grade"),
    [(20, 0.11, "strong"), (8, 0.11, "strong"), (7, 0.11, "strong"), (7, 0.102, "moderate"), (6, 0.13, "strong"),
     (6, 0.12, "moderate"), (4, 0.21, "strong"), (4, 0.20, "moderate"), (1, 0.75, "moderate")],
)  # fmt: skip
def test_few_placebos_are_a_doubt_where_students_law_would_hold_zero(
    numbers: dict[str, Any], many: int, clear: float, grade: str
) -> None:
    """The 97.5% quantiles of t with 4, 6 and 7 degrees are 2.776, 2.447 and 2.365: 1.416, 1.248 and 1.207 of 1.96."""
    width = 10.0
    bounds = {"estimate": -(clear + 0.5) * width, "upper": -clear * width, "lower": -(clear + 1) * width}
    found = graded(numbers, donors=many, backing=donors(many), **bounds)
    assert found.grade == grade
    said = f"{many} donor{'s' if many > 1 else ''} cannot back 95%"
    assert (said in found.headline) == (grade == "moderate")


@pytest.mark.parametrize(
    ("worth", "clear", "grade"), [(7, 0.12, "strong"), (7, 0.102, "moderate"), (20, 0.11, "strong")]
)
def test_groups_that_overlap_count_for_what_they_are_worth(
    numbers: dict[str, Any], worth: int, clear: float, grade: str
) -> None:
    """However many donors there are, and however many groups of them: one number of them is judged and said."""
    several = {"n_treated": 25, "units_words": "25 states", "additive": False}
    bounds = {"upper": -clear * 12, "lower": -(clear + 1) * 12}
    found = graded(numbers, donors=25, backing=groups(worth), **several, **bounds)
    assert found.grade == grade
    assert (f"{worth} independent groups cannot back 95%" in found.headline) == (grade == "moderate")
    assert f"30 groups of 8 untreated donors strayed (worth about {worth} independent ones)" in found.bullets[0]
    assert "25 " not in found.bullets[0].replace("25 states", "")


@pytest.mark.parametrize(
    ("backing", "donors_", "said"),
    [
        (donors(20), 20, "over 99.6%"), (donors(38), 38, "over 99.7%"), (donors(18), 18, "over 99.6%"),
        (groups(7), 25, "over 99%"), (None, 12, "over 99.4%"), (None, 4, "over 98%"), (None, 3, "not known"),
        (None, 2, "not known"),
    ],
)  # fmt: skip
def test_a_chance_goes_no_further_than_its_placebos(
    numbers: dict[str, Any], backing: dict[str, Any] | None, donors_: int, said: str
) -> None:
    """The raw chance is .999; what is said of it is the same in fact, bullet and details, and its number is data."""
    if backing is None:
        del numbers["table"][0]
    found = graded(numbers, backing=backing, donors=donors_)
    assert (found.facts[1].label, found.facts[1].value) == ("Chance of a decrease", said)
    assert ("99.9" in " ".join((str(found), *found.details))) is False
    assert f"the chance of a decrease is {said}" in " ".join(found.details)
    if said != "not known":
        assert f"Chance of a decrease {said}" in found.bullets[0]
    else:
        assert "hance" not in str(found)
    answer = answer_of(take_apart(numbers | {"backing": backing, "donors": donors_}))
    assert answer.chance == pytest.approx(0.999)
    assert answer.chance_spoken == said
    assert answer.chance_limit == (None if said == "not known" else pytest.approx(float(said.strip("over %")) / 100))


@pytest.mark.parametrize(("n", "grade"), [(4, "moderate"), (3, "inconclusive"), (2, "inconclusive")])
def test_a_model_alone_shows_nothing_with_fewer_donors_than_a_calibration_needs(
    numbers: dict[str, Any], n: int, grade: str
) -> None:
    """Although its interval excludes zero by far and other methods agree."""
    del numbers["table"][0]
    found = graded(numbers, backing=None, donors=n)
    assert found.grade == grade
    if grade == "inconclusive":
        assert found.headline == (
            "Inconclusive: sales −10.0, 95% predictive interval −13.0 to −7.0; "
            f"{n} donors cannot show whether it is wide enough."
        )
        assert found.bullets[0].startswith("The interval excludes zero, and may be too narrow to say so; ")
        assert found.bullets[0].endswith("calibration needs 4 donors.")
        assert found.facts[2].tone == "neutral"


def test_the_lift_has_its_interval(numbers: dict[str, Any]) -> None:
    assert "lift −31.2% to −14.5%" in graded(numbers).bullets[0]
    numbers["lifts"][0]["lower"] = None
    assert "lift" not in graded(numbers).bullets[0]
    numbers["lifts"][0] |= {"lower": "-inf", "upper": "inf"}
    assert "lift" not in graded(numbers).bullets[0]


@pytest.mark.parametrize("upper", [-6.0, 2.0])
def test_a_fit_that_drift_carries_is_said_so_at_once(numbers: dict[str, Any], upper: float) -> None:
    said = "The fit before the start is mostly drift, not donors."
    assert said in graded(numbers, drift_carries=True, upper=upper).bullets[0]
    assert said not in str(graded(numbers, upper=upper))


def test_donors_that_the_audit_flags_are_named_before_the_heaviest(numbers: dict[str, Any]) -> None:
    flags = [("D", "looks treated"), ("E", "influential"), ("F", "influential"), ("G", "opposed")]
    found = [{"donor": donor, "flag": flag} for donor, flag in flags]
    assert graded(numbers).bullets[2].endswith("in the treated state or in B and C.")
    assert graded(numbers, flagged=found[1:2]).bullets[2] == "Before acting, look at E (the effect moves without it)."
    assert graded(numbers, flagged=found).bullets[2] == (
        "Before acting, look at D (something seems to have happened there too), E and F (the effect moves without each) "
        "and 1 more."
    )


def test_without_a_doubt_it_is_strong(numbers: dict[str, Any]) -> None:
    found = graded(numbers)
    assert found.grade == "strong"
    assert found.headline == "Sales fell by 10.0 (−23%), 95% interval −14.0 to −6.0. Evidence: strong."
    assert found.bullets[0] == (
        "Chance of a decrease over 99.6%; lift −31.2% to −14.5%; "
        "the interval allows for how far 20 untreated donors strayed."
    )
    assert found.bullets[1] == "All 3 other methods agree (−11.0 to −8.0)."
    assert [(fact.label, fact.value) for fact in found.facts] == [
        ("Evidence", "strong"), ("Chance of a decrease", "over 99.6%"), ("Methods that agree", "3 of 3"),
        ("Convergence", "passed"),
    ]  # fmt: skip


def test_without_calibration_a_placebo_test_has_to_bear_it_out(numbers: dict[str, Any]) -> None:
    """Also one that could not reject: two donors vouch for nothing."""
    del numbers["table"][0]
    found = graded(numbers)
    assert (found.grade, found.headline.rpartition("Evidence: ")[2]) == (
        "moderate", "moderate: the interval is not calibrated."
    )  # fmt: skip
    for each in numbers["table"][1:]:
        each |= {"p": 1.0, "p_min": 0.33, "lower": None, "upper": None}
    assert graded(numbers).grade == "weak"
    for each in numbers["table"][1:]:
        each |= {"p": 0.3, "p_min": 0.02}
    assert graded(numbers).grade == "weak"
    del numbers["table"][1:]
    assert graded(numbers).grade == "weak"


@pytest.mark.parametrize(
    ("warnings", "said"),
    [
        (["sensitivity"], "the prior decides it"),
        (["donors"], "its donors are in doubt"),
        (["sensitivity", "donors"], "the prior decides it and its donors are in doubt"),
        (["loo"], ""),
    ],
)
def test_what_an_answer_hangs_on_is_a_doubt(numbers: dict[str, Any], warnings: list[str], said: str) -> None:
    found = graded(numbers, checks={"status": "warning", "suggestion": None, "warnings": warnings})
    assert found.grade == ("moderate" if said else "strong")
    assert found.headline.endswith(f"Evidence: moderate: {said}." if said else "Evidence: strong.")


def test_estimates_that_no_test_bears_out_are_no_good_sign(numbers: dict[str, Any]) -> None:
    """Nor are those that agree with an interval that claims nothing."""
    assert graded(numbers).facts[2].tone == "good"
    assert graded(numbers, upper=2.0).facts[2].tone == "neutral"
    for each in numbers["table"][2:]:
        each |= {"lower": -30.0, "upper": 9.0, "p": 0.3}
    assert (graded(numbers).facts[2].value, graded(numbers).facts[2].tone) == ("3 of 3", "neutral")


def test_means_of_rows_have_no_total(numbers: dict[str, Any]) -> None:
    several = {"n_treated": 3, "units_words": "3 states"}
    assert "total over 5 years" in graded(numbers, **several).bullets[0]
    assert "total" not in graded(numbers, additive=False, **several).bullets[0]


def test_a_fall_of_a_series_that_rose_is_said_to_be_against_the_counterfactual(numbers: dict[str, Any]) -> None:
    rising = graded(numbers, observed={"before": 42.0, "after": 50.0, "periods": 5})
    assert rising.headline.startswith(
        "Sales fell by 10.0 (−23%) against the counterfactual, 95% interval −14.0 to −6.0."
    )
    said = "the observed mean itself rose, from 42.0 over the last 5 periods before the start to 50.0."
    assert said in rising.details[0]
    assert rising.details[0].startswith("The estimate lies below the counterfactual,")
    assert "counterfactual" not in " ".join((str(graded(numbers)), *graded(numbers).details))
    # No direction is claimed, so none can be misread.
    numbers["table"][0]["upper"] = 2.0
    assert "counterfactual" not in graded(numbers, observed={"before": 42.0, "after": 50.0, "periods": 5}).headline


def test_a_model_that_did_not_converge_is_neither_counted_nor_recommended(numbers: dict[str, Any]) -> None:
    other = {"model": "level", "interval": "predictive", "p": None, "p_min": None, "status": "unreliable"}
    numbers["table"].append(row("bayes", -30.0, -34.0, -26.0, **other))
    found = graded(numbers)
    assert found.grade == "strong"
    assert "Ignore the model level (−30.0): its fit did not converge." in found.bullets[1]
    assert "report both" not in found.bullets[1]
    assert found.facts[2].value == "3 of 4"
    failed = graded(numbers, status="unreliable", reason="the fits did not pass")
    assert "the model level" not in failed.bullets[1]
    assert "plain synthetic control (−11.0)" in failed.bullets[1]
    assert failed.facts[2].value == "not known"
    # The simpler model was tried, and failed as well.
    assert "try the model" not in failed.bullets[2]
    numbers["table"] = [each for each in numbers["table"] if each["method"] == "bayes"]
    assert graded(numbers, status="unreliable").bullets[1].startswith("Until then nothing stands")


@pytest.mark.parametrize(
    ("upper", "grade"),
    [(0.5, "inconclusive"), (0.0, "inconclusive"), (-0.01, "moderate"), (-1.26, "moderate"), (-1.28, "strong")],
)
def test_how_far_zero_lies_outside(numbers: dict[str, Any], upper: float, grade: str) -> None:
    """At an upper end of −1.2727 zero lies outside by a tenth of the width of the interval from −14."""
    assert -1.28 < -14 * BARELY / (1 + BARELY) < -1.26
    found = graded(numbers, upper=upper)
    assert found.grade == grade
    assert ("barely excludes zero" in found.headline) is (grade == "moderate")


def test_silent_placebos_are_a_doubt_unless_units_are_averaged(numbers: dict[str, Any]) -> None:
    for each in numbers["table"][2:]:
        each |= {"lower": -30.0, "upper": 9.0, "p": 0.3}
    found = graded(numbers)
    assert found.grade == "moderate"
    assert found.headline.endswith("Evidence: moderate: the placebo tests do not exclude zero.")
    both = graded(numbers, upper=-0.5)
    assert both.grade == "moderate"
    assert both.headline.endswith("the interval barely excludes zero, the placebo tests do not.")
    assert graded(numbers, n_treated=3, units_words="3 states").grade == "strong"
    # Tests that cannot reject are no evidence against.
    for each in numbers["table"][2:]:
        each["p_min"] = 0.2
    assert graded(numbers).grade == "strong"
    numbers["table"][2] |= {"p": 0.04, "p_min": 0.02, "upper": -1.0}
    assert graded(numbers).grade == "strong"


@pytest.mark.parametrize(("outside", "grade"), [(1, "moderate"), (2, "weak"), (3, "weak")])
def test_methods_outside_the_interval(numbers: dict[str, Any], outside: int, grade: str) -> None:
    for each in numbers["table"][2 : 2 + outside]:
        each |= {"estimate": -20.0, "lower": -26.0, "upper": -14.5}
    found = graded(numbers)
    assert found.grade == grade
    assert "report both" in found.bullets[1]
    assert found.facts[2].value == f"{3 - outside} of 3"


def test_a_closer_fit_with_few_donors_is_believed(numbers: dict[str, Any]) -> None:
    numbers["table"][2] |= {"estimate": -20.0, "lower": -26.0, "upper": -14.5, "pre_rmspe": 0.4}
    assert graded(numbers).grade == "moderate"
    few = graded(numbers, donors=10)
    assert few.grade == "weak"
    assert "Believe plain synthetic control (−20.0) instead: it follows the past more closely." in few.bullets[1]


def test_a_method_that_something_speaks_against_is_no_doubt(numbers: dict[str, Any]) -> None:
    numbers["table"][2] |= {"estimate": -20.0, "lower": -26.0, "upper": -14.5}
    numbers["hull"] |= {"outside": True, "distance": 2.0, "distance_centred": 1.0, "offset": -4.0}
    found = graded(numbers)
    assert found.grade == "strong"
    assert "Ignore plain synthetic control (−20.0): it cannot shift to the treated level." in found.bullets[1]
    # What is set aside is not called to agree, nor mistrusted where it says the same.
    numbers["table"][2] |= {"estimate": -11.0, "lower": -17.0, "upper": -5.0}
    details = " ".join(graded(numbers).details)
    assert "demeaned and did agree with the posterior" in details
    assert "sc lies inside it too, which is no support" in details
    assert "rather than" not in details
    for each in numbers["table"][:2]:
        each["free_level"] = False
    itself = graded(numbers)
    assert itself.grade == "weak"
    assert itself.bullets[1].startswith("Believe synthetic control with a free level (−9.0) and difference in")


def test_three_doubts_are_weak(numbers: dict[str, Any]) -> None:
    warned = {"status": "warning", "suggestion": "robust", "warnings": ["loo"]}
    one = graded(numbers, checks=warned)
    assert one.grade == "moderate"
    assert one.headline.endswith("a check speaks for the model robust.")
    assert graded(numbers, checks=warned | {"suggestion": None}).grade == "strong"
    assert one.bullets[2] == "Before acting, fit the model robust too: a check warns about this one."
    two = graded(numbers, checks=warned, upper=-1.0)
    assert two.grade == "moderate"
    del numbers["table"][0]
    numbers["table"][0] |= {"upper": -1.0}
    three = graded(numbers, checks=warned, calibrated=False)
    assert three.grade == "weak"
    assert "95% predictive interval" in three.headline
    assert "the interval is not calibrated" in three.details[-1]
    numbers["table"][0]["upper"] = -6.0
    assert graded(numbers, calibrated=False).grade == "moderate"
    # Nothing vouches for its width.
    for each in numbers["table"][1:]:
        each |= {"lower": -30.0, "upper": 9.0, "p": 0.3}
    assert graded(numbers, calibrated=False).grade == "weak"


def test_the_gate_comes_before_everything(numbers: dict[str, Any]) -> None:
    numbers["table"][1]["status"] = "unreliable"
    found = graded(numbers, reason="the fit did not pass its convergence gate")
    assert found.grade == "unreliable"
    assert found.headline.startswith("UNRELIABLE: the fit did not pass its convergence gate, so do not use")
    assert "sample longer (draws=2000, tune=2000, target_accept=0.99)" in found.bullets[2]
    assert found.bullets[2].endswith("try the model level.")
    assert {fact.tone for fact in found.facts} == {"bad", "neutral"}
    numbers["table"][1] |= {"status": "ok", "model": "default"}
    assert graded(numbers, status="unreliable").grade == "unreliable"


@pytest.mark.parametrize(
    ("higher_is", "said", "tone"), [(None, "", "neutral"), ("worse", ", an improvement", "good"), ("better", ", a worsening", "bad")]
)  # fmt: skip
def test_which_way_is_better(numbers: dict[str, Any], higher_is: str | None, said: str, tone: str) -> None:
    numbers["labels"]["higher_is"] = higher_is
    found = graded(numbers)
    assert f"Sales fell by 10.0 (−23%){said}, 95% interval" in found.headline
    assert found.facts[1].tone == tone
    open_ = graded(numbers, upper=3.0)
    assert "improvement" not in open_.headline
    assert open_.facts[1].tone == "neutral"


def test_a_decrease_is_spoken_of_as_one(numbers: dict[str, Any]) -> None:
    words = " ".join(graded(numbers, probability_positive=0.0228, donors=60, backing=donors(60)).sentences())
    assert "chance of a decrease is 97.7%" in words
    assert "positive" not in words
    open_ = graded(numbers, upper=2.0, probability_positive=0.08)
    assert open_.headline == "Inconclusive: sales −10.0 (−23%), 95% interval −14.0 to +2.0; chance of a decrease 92%."


def test_several_units_have_their_total_beside_the_mean(numbers: dict[str, Any]) -> None:
    found = graded(numbers, n_treated=3, units_words="3 states")
    assert found.bullets[0].startswith(
        "Mean of 3 states; total over 5 years −150 (95% interval −210 to −90); chance of a decrease"
    )
    assert "In total over 3 states and 5 years that is −150 [−210,\xa0−90]." in found.details


def test_a_conformal_interval_that_alone_excludes_zero_is_explained(numbers: dict[str, Any]) -> None:
    numbers["table"].append(row("sc", -11.0, -16.0, -6.0, interval="conformal"))
    assert "It excludes zero because" not in " ".join(graded(numbers).details)
    assert "It excludes zero because" in " ".join(graded(numbers, upper=1.0).details)


def test_without_a_posterior_evidence_is_moderate_at_best(numbers: dict[str, Any]) -> None:
    numbers["table"] = numbers["table"][2:]
    found = verdict(numbers | {"checks": None, "calibrated": False})
    assert found.grade == "moderate"
    assert found.headline.endswith("95% placebo interval −17.0 to −5.0. Evidence: moderate: there is no posterior.")
    assert [(fact.label, fact.value) for fact in found.facts][1:] == [
        ("p of no effect", "0.0200"), ("Methods that agree", "2 of 2"), ("Convergence", "no posterior"),
    ]  # fmt: skip
    for each in numbers["table"]:
        each |= {"lower": "-inf", "upper": "inf", "p_min": 0.2, "p": 0.2}
    mute = verdict(numbers | {"checks": None, "calibrated": False, "donors": 4})
    assert mute.grade == "inconclusive"
    assert "with 4 donors no placebo test can rule anything out" in mute.bullets[0]
    assert "∞" not in str(mute)


@pytest.mark.parametrize("drift", [True, False])
def test_a_posterior_with_a_drift_is_not_judged_by_the_fit_of_what_agrees(numbers: dict[str, Any], drift: bool) -> None:
    """Its own fit before the start is not compared, so nothing is closer than it; without a drift it is."""
    found = copy.deepcopy(numbers)
    for bayes in found["table"][:2]:
        bayes |= {"drift": drift, "pre_rmspe": 50.0}
    for agreeing in (found["table"][2], found["table"][4]):
        agreeing["pre_rmspe"] = 60.0
    found["n_pre"] = 30
    found["table"][3] |= {"estimate": 5.0, "lower": 1.0, "upper": 9.0, "pre_rmspe": 1.5}
    told = verdict(found)
    against = "speaks against the posterior" in " ".join(told.details)
    assert against == (not drift)
    assert ("Believe" in " ".join(told.bullets)) == (not drift)


LONG = {
    "outcome": "average weekly sales of all open shops in euros",
    "unit": "sales district of the north",
    "higher_is": "worse",
}
SHORT = {"outcome": "sales", "unit": "state", "higher_is": None}


@pytest.mark.parametrize("labels", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("upper", [-6.0, -0.1, 5.0])
@pytest.mark.parametrize(
    "reason", ["", "the posterior of 'level' did not pass its gate; the fit did not pass; of a donor too"]
)
def test_whatever_there_is_to_say_takes_eighty_words(
    numbers: dict[str, Any], labels: dict[str, Any], units: int, outside: bool, upper: float, reason: str
) -> None:
    """Everything at once: doubts, methods that differ in every way, several units, long names; details have it all."""
    found = copy.deepcopy(numbers)
    differ = [
        row("bayes", 4.0, -1.0, 9.0, model="robust", interval="predictive"), row("ascm", 90.0, 70.0, 99.0, pre_rmspe=9.0),
        row("sdid", 12.0, 2.0, 22.0),
    ]  # fmt: skip
    found["table"] += differ
    found["table"][2] |= {"estimate": 40.0, "lower": 30.0, "upper": 50.0}
    found["table"][0]["upper"] = upper
    if reason:
        found["table"][0]["status"] = "unreliable"
    found["observed"] = {"before": 42.0, "after": 50.0, "periods": 5}
    found |= {
        "labels": labels, "n_treated": units, "units_words": f"{units} {labels['unit']}", "reason": reason, "donors": 6, "backing": donors(6),
        "hull": {"sd": 3.0, "outside": outside, "distance": 9.0, "distance_centred": 2.0, "offset": 4.0},
        "checks": {"status": "warning", "suggestion": "robust", "warnings": ["loo", "autocorrelation"]},
        "main_donors": ["a donor of four words"] * 3, "drift_carries": units == 1,
        "flagged": [{"donor": "another donor of five words", "flag": "influential"}] * 3 if outside else [],
    }  # fmt: skip
    told = verdict(found)
    assert len(str(told).split()) <= 80, str(told)
    assert told.grade == (
        "unreliable" if reason else "inconclusive" if upper > 0 else "weak" if upper > -1 or not outside else "moderate"
    )
    if not reason:
        assert "robust" in " ".join(told.details)
