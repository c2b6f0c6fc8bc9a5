"""How should an attribute query be put into words for CLEAR's language model?

The hard embedding is beside the words, as CLEAR has it, so ``random`` and ``shuffled`` say how
much of the gain needs meaning and grammar.  ``templates_soft`` asks the same of the words alone.
"""

from clear_bench.config.study import Study

FACTOR = "retrieval.text.template"
LEVELS = (
    "positives",  # one sentence of what is present
    "absences",  # what is absent, too
    "list",  # the phrases with commas
    "slots",  # a field for each slot, filled or not
    "paraphrases",  # four wordings, averaged
    "shuffled",  # control: the words of positives in random order
    "random",  # control: as many random words
    "typed",  # as a person might type it
)

STUDY = Study(
    task="retrieval",
    factors={FACTOR: LEVELS},
    reference={FACTOR: "positives"},
    metrics=("mAP", "rank1", "rank5", "rank10"),
)
