"""Which frozen language model should embed CLEAR's pseudo-descriptions?

Each is read with the hard embedding beside it, as CLEAR does; ``none`` has the hard embedding
alone.  What an encoder knows without it is the question of ``lm_choice_soft``.
"""

from clear_bench.config.study import Study

FACTOR = "retrieval.text.encoder"
ENCODERS = {
    # decoders, the closest in kind to CLEAR's own GPT-style model
    "smollm2": "smollm2@prompt",
    "smollm2@mean": "smollm2@mean",
    "smollm2@weighted": "smollm2@weighted",
    "smollm2@last": "smollm2@last",
    "gpt2": "openai-community/gpt2@prompt",
    # encoders trained on pairs of sentences
    "minilm": "minilm",
    "minilm@last": "minilm@last",
    "mpnet": "mpnet",
    "use": "use",
    # encoders trained on masked words, and the text half of an image-text model
    "bert": "google-bert/bert-base-uncased",
    "roberta": "FacebookAI/roberta-base",
    "clip": "openai/clip-vit-base-patch32@clip",
    # tables without context
    "wordllama": "wordllama",
    "glove": "glove",
}
LEVELS = {name: {FACTOR: encoder} for name, encoder in ENCODERS.items()}

STUDY = Study(
    task="retrieval",
    factors={FACTOR: {**LEVELS, "none": {FACTOR: "none"}}},
    reference={FACTOR: "minilm"},
    metrics=("mAP", "rank1", "rank5", "rank10"),
)
