"""Names of the forms of an answer, for a command that imports nothing heavy."""

FORMS = ("table", "csv", "wide", "json", "jsonl", "parquet", "upar")
