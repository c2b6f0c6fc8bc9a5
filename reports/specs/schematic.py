"""CLEAR: branches that look across, then adapters into one space of queries and images.

Dashed arrows carry the tokens that the other branch looks at.
"""

from clear_bench.report.figures.picture import FigureSpec
from clear_bench.report.figures.schematic import schematic

FIGURE = FigureSpec(title="CLEAR", draw=schematic, options={"method": "clear"})
