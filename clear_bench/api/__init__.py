"""What Python programs use: `clear_bench.load`, `clear_bench.train`; see docs/api.md."""
