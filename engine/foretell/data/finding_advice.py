"""What each finding means for training, and the option that changes it; by the finding's code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Advice:
    """What a finding means for training and forecasts, and what the user can do about it."""

    meaning: str
    option: str  # the option or the change of the data; '' where there is nothing to change


# for sales that are written only where something sold: behind the last sale too
ZERO_FILLING: Final = "filling={'target': {'middle': 'zero', 'back': 'zero'}}"

ADVICE: Final[dict[str, Advice]] = {
    # The tables as they were read
    "frequency_found": Advice("forecasts have its steps; a model keeps it", "freq="),
    "unused": Advice("no recipe sees these columns", "name them in the related table, with known= or past="),
    "lacking": Advice(
        "rows of that file count as missing there", "add the column to the file, or read it apart"
    ),
    "unlike_ids": Advice("items are joined by the text of their ids", "spell the ids alike in all tables"),
    "weeks": Advice(
        "where another table's dates are the last days of weeks, it lies a week off",
        "freq= with the day that weeks begin on, and all tables dated by it",
    ),
    "alike_ids": Advice("each is an item with a history of its own", "spell the ids of one item alike"),
    "twin_ids": Advice(
        "their rows are one item's: two rows of one time are a repeated row", "spell the ids in NFC"
    ),
    "decomposed_ids": Advice("they join the other tables in either spelling", ""),
    "row_numbers": Advice("no recipe sees it", "known= or past=, if it is data"),
    "kinds": Advice(
        "numbers have an order, codes have none",
        "categorical=, for columns whose numbers are codes; numeric=",
    ),
    "mixture": Advice(
        "each number is a category of its own, without an order", "correct those values, or numeric="
    ),
    "left_out": Advice("no recipe sees it", "make a category or a number of it, or complete the key"),
    "by_time": Advice("every item gets the same values", "item_id=, where a column of it names the item"),
    "known": Advice(
        "recipes see its values over the horizon", "past=, if they are not known when forecasting"
    ),
    "past": Advice(
        "recipes see its values up to the origin only", "known=, and its values through the horizon"
    ),
    "time_zone": Advice(
        "a day is a day there; the hour skipped in spring is not observed, the two of one name are aggregated",
        "timezone=, where the times of another zone are meant",
    ),
    "holidays": Advice("recipes learn what holidays do, if the history has some", "holidays=, holiday_days="),
    "duplicates": Advice(
        "a run would stop: which row counts is not known", "aggregation=, or remove the extra rows"
    ),
    "decimal_comma": Advice("each number is a category of its own, without an order", "decimal=','"),
    "bad_time": Advice("a run would stop: the rows belong to no step", "correct them, or date_format="),
    "no_key": Advice("a run would stop: the rows belong to no item", "fill the key in, or remove the rows"),
    "bad_number": Advice("a run would stop: the value is not known", "correct it, or leave it empty"),
    "infinite": Advice("a run would stop: the grid cannot hold the value", "correct it, or leave it empty"),
    "not_open": Advice("a run would stop: open is 1, closed is 0", "correct the values, or open="),
    "offset_kept": Advice(
        "steps begin where the rows do, and forecasts have such times", "other times in the table"
    ),
    "anchor_kept": Advice("forecasts are stamped as the rows are", "freq=, with the day or month by name"),
    "other_offset": Advice("forecasts would have times that no row has", "correct the times, or train again"),
    "stamps": Advice(
        "forecasts have the times of the steps: joined by time, these rows find none", "freq=, or strict=True"
    ),
    "read_otherwise": Advice(
        "the numbers may mean something else than those that the model learned from",
        "nothing: a model remembers its own way; or train again",
    ),
    "partial": Advice(
        "kept, it would be learned and scored as if it were whole", "partial='keep', or rows to its end"
    ),
    "partial_items": Advice(
        "they are learned as whole, and the last ones draw the forecast down",
        "the missing rows, or ends='own', which leaves such steps out item by item",
    ),
    "total_item": Advice("every total counts its sales twice", "remove that item"),
    "transactions": Advice(
        "recipes never see the steps without sales, and forecast too much; Amazon Forecast's default was zero",
        f"{ZERO_FILLING}, or nothing if the values are not known",
    ),
    "dates": Advice(
        "months are a hundred steps long, most of them gaps", "freq='D' with date_format='%Y%m%d'"
    ),
    "thousands": Advice(
        "if the mark stands between thousands, the values are a thousand times too small",
        "thousands=, and decimal= with the other mark; or nothing if the values are right",
    ),
    "other_calendar": Advice(
        "a step of two rows is a peak, one of none a gap, where the data have neither",
        "freq='1' with numbered periods, or freq= with their own steps",
    ),
    "weekend_rows": Advice("Friday's value is not Friday's alone", "freq='D', or leave those rows out"),
    "off_grid": Advice("a run with strict=True would stop", "correct the times, freq=, or leave strict= out"),
    "repeated_key": Advice("a run would stop: which row counts is not known", "keep one row of each key"),
    "repeated": Advice("they count as one value, joined as asked", "aggregation=, with another method"),
    "aggregated": Advice(
        "recipes see one value a step; far more rows than steps mean that the data are finer than freq=",
        "freq=, aggregation=, or strict=True to refuse them",
    ),
    "sparse": Advice("memory and time go into empty steps", "correct the date, or freq="),
    "late_rows": Advice("forecasts begin after these empty rows", "drop them, or ends='own'"),
    "gaps": Advice("steps that are not observed take no part in training and scores", "filling="),
    "unreadable": Advice("nothing can be trained", "as the message says"),
    # Items
    "cold_start": Advice("they are forecast from metadata, covariates and the other items", ""),
    "no_history": Advice("they are forecast as new items", "fill their target in, or remove them"),
    "no_related": Advice("their covariates count as missing, which recipes are told", "add their rows"),
    "no_metadata": Advice(
        "they belong to an unknown category; new items get a poor forecast", "add their rows"
    ),
    "frequency": Advice(
        "most of their steps are gaps, and seasons are counted in the wrong steps",
        "freq=, or a data set of its own for each frequency",
    ),
    "finer": Advice(
        "recipes see sums over longer steps than the data have", "freq=, or nothing if such sums are wanted"
    ),
    "mostly_gaps": Advice(
        "if nothing sold means no row, recipes never see the zeros and forecast too much",
        f"{ZERO_FILLING}, or a coarser freq=",
    ),
    "all_zero": Advice(
        "their forecast is zero; they cannot be scored by wQL alone", "remove items that are not sold"
    ),
    "constant": Advice(
        "there is nothing to learn: a model of one item forecasts that value at every level (p10 = p90); MASE leaves them out",
        "remove them, if they are placeholders",
    ),
    "negative": Advice(
        "forecasts may go below zero for every item; counts have no likelihood of their own",
        "set returns to zero, or keep them in a column of the related table",
    ),
    "outliers": Advice(
        "they set the scale of their items and weigh most in RMSE", "correct them, or leave them empty"
    ),
    "float32": Advice(
        "the grid keeps about 7 digits: units and small changes are lost", "divide the column, by 1000 say"
    ),
    "float32_sum": Advice("sums over an item overflow in training", "divide the column, by 1e6 say"),
    "horizon": Advice("nothing can be trained", "horizon=, or more history"),
    "shorter": Advice(
        "they cannot be trained on; they are forecast much like new items", "horizon=, or more history"
    ),
    "short": Advice(
        "recipes with a model an item have little to learn; a backtest has no history before them", "horizon="
    ),
    "lone_end": Advice(
        "what lies between counts as gaps, and the dates of all forecasts are far ahead",
        "correct the date, drop the rows, or ends='own'",
    ),
    "ended": Advice(
        "their forecasts go on as if they were still sold",
        "remove them, ends='own', or filling={'target': {'back': 'zero'}} if no row means no sale",
    ),
    # Columns
    "known_ends": Advice(
        "predict would stop", "extend the table, past=, or filling= with the place 'future'"
    ),
    "known_holes": Advice("recipes are told that these are missing", "complete the table, or filling="),
    "known_never": Advice("they count as missing throughout", "add their rows, or filling="),
    "codes": Advice(
        "as a number, 3 lies between 2 and 4; as a code it is a category of its own",
        "categorical=, or numeric= if the order means something",
    ),
    "never_changes": Advice("there is nothing to learn from it", "leave it out"),
    "categories": Advice("each category has weights of its own", ""),
    "one_category": Advice("there is nothing to learn from it", "leave it out"),
    "crowded": Advice(
        "it names items rather than groups them: recipes learn them by heart", "merge its categories"
    ),
    "beyond_seen": Advice(
        "forecasts are those of the edge of what was seen",
        "train again once the history has such values, or leave it out",
    ),
    "merged": Advice(
        "what these values do is not learned apart", "text_values=, or merge them by what they mean"
    ),
    "many_values": Advice("what each of them does is learnt from the steps that had it", ""),
    "unseen": Advice(
        "forecasts go by what else is known of them", "train again once the history has it, or spell it alike"
    ),
    # Scenarios of a what-if
    "before_origin": Advice("only the steps to forecast change", "dates from there on"),
    "beyond_horizon": Advice("only the steps to forecast change", "dates up to there"),
    "not_forecast": Advice("these rows change nothing", "spell keys as the data do"),
    "no_effect": Advice(
        "nothing was learned about it", "a recipe that uses known columns, or a history in which it varies"
    ),
    "still_missing": Advice("recipes are told that it is missing", "set it without naming itself"),
    "finds_nothing": Advice("the rest of the condition decides", "spell it as the data do"),
    "unchanged": Advice("the scenario is the baseline there", "another value, or another condition"),
    "missing_metadata": Advice("recipes are told that it is missing", "fill it in"),
    # Explanations
    "grouped": Advice("what they add to a forecast is one number", "fewer columns"),
    # Monitoring
    "runs": Advice("what a model has seen says nothing of how well it forecasts", ""),
    "windows": Advice("runs are not judged by themselves", "a back-test that ends before the first run"),
    # Models
    "missing_items": Advice(
        "they are in no forecast and no total", "their rows, or their old names where they were renamed"
    ),
    "late_members": Advice("the other members decide alone", "time_limit="),
    "implausible": Advice(
        "the other members decide; where none is plausible, the average stays within reach of what was observed",
        "",
    ),
    "listed_days": Advice(
        "recipes cannot tell a week with one day of promotion from one with seven",
        "aggregation= with sum and filling= with zero, or rows of 0 for the other days",
    ),
    "still_hold": Advice(
        "nothing about them has changed since the model was trained", "as foretell check says of each"
    ),
    "mean_outside": Advice(
        "one of the two is wrong, often the quantiles where a promotion is planned: an order by them is too small or too large",
        "calibrate=True in training, or another recipe",
    ),
    # Forecast tables that are evaluated
    "items": Advice("scores are of the items forecast", "forecast the others too"),
    "ignored_columns": Advice("their numbers are in no score", "call quantiles p10 or 0.1, the mean 'mean'"),
    "unscored": Advice("scores are of the other steps", "give the actuals up to the last step forecast"),
    "unknown_items": Advice("they are not scored", "give the actuals of all items"),
    "point_forecast": Advice("wQL judges a point forecast", "add quantile columns"),
    "no_mean": Advice("these scores judge another number than Amazon's do", "add a column 'mean'"),
    "no_median": Advice("MASE judges another number than usual", "add a column 'p50'"),
    "crossing": Advice("coverage and wQL suffer", "sort the quantiles of each row"),
}
