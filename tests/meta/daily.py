"""What a newcomer's `pytest --impl solutions` runs of the modules that take long; the rest is for `--thorough` and CI.

Of a module that is not named here everything runs every day. A name stands for a test, or for one of its parameters.
"""

DAILY: dict[str, tuple[str, ...]] = {
    # One kata a chapter. All of them: CI; all with many seeds: `kata.prove`.
    "test_variants": (
        *("make_regression_data", "mean_squared_error", "sgd_step", "cosine_decay", "precision", "total_loss"),
        *("linear_scaling_rule", "clip_by_norm", "round_up_to_multiple", "make_callbacks"),
    ),
    "test_exam": (
        "momentum_step",
        "test_the_simplest_failing_example_is_shown",
        "test_a_sheet_alone_is_enough_where_nothing_diverges",
        "test_what_is_not_on_the_sheet_is_said",
    ),
    "test_cluster": (
        *("arguments0-such as local:2", "test_without_dask_it_says_what_to_install", "compose.yaml", "Dockerfile"),
        "test_a_paper_holds_no_answer_and_comes_back_whole",
        "test_a_sheet_comes_back_as_it_was_with_the_reference_s_own_answers_in_place",
        *("a pickle", "a compressed one", "test_a_message_that_swells_is_refused"),
    ),
    "test_diagnosis": (
        "cosine_decay",
        "test_answers_are_alike_only_in_kind_shape_dtype_and_value",
        "test_exceptions_are_alike_by_type",
        "test_an_answer_is_like_itself",
    ),
    "test_examining": (
        "test_whatever_is_drawn_comes_back_as_it_was",
        "test_what_has_no_name_is_not_kept_and_what_is_not_ours_is_not_found",
        "test_bytes_that_are_no_exam_are_said_to_be_none",
        "test_an_untouched_kata_is_asked_nothing",
    ),
    "test_grade": ("arguments0-there is no folder", "arguments3-did you mean canvas?"),
    "test_hostile": ("syntax error", "os._exit(0)"),
    "test_messages": ("wrong reduction", "no return", "raises", "the built-in"),
    "test_page_browser": ("test_what_is_saved_elsewhere_appears_here", "keep mine"),
    "test_plugin": (
        "test_pristine_stubs_are_todo_without_a_traceback",
        "test_solved_is_zero_and_the_summary_says_so",
        "arguments2-did you mean huber?",
    ),
    "test_report_browser": (
        "test_filters_by_text_outcome_and_kata",
        "test_opens_a_student_and_goes_back_to_where_one_was",
        "test_hostile_text_is_shown_and_does_nothing",
    ),
    "test_show": ("test_every_probe_is_written_out_with_all_that_it_needs",),
    "test_team": ("test_a_helper_that_is_gone_never_makes_a_kata_solved",),
    "test_watch": ("test_a_session_from_the_stub_to_the_solution",),
}


def is_daily(module: str, test: str, parameter: str) -> bool:
    """Whether that test of `module` runs every day; `parameter` is what stands in its brackets."""
    return module not in DAILY or test in DAILY[module] or parameter in DAILY[module]
