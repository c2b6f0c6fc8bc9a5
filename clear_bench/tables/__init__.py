"""Records to tables: LaTeX, Markdown and CSV, by the specs of ``reports/specs/``."""
