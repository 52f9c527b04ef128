"""Charts of the tables: where the bytes lie, where the hits are, how old files are, and what they are written in.

    >>> import vespera_file_ops as vfo
    >>> chart = vfo.plot.treemap(vfo.scan_files())
    >>> chart.data.select("path", "size").head(2).rows()
    [('src/app.py', 75), ('src/util.py', 36)]

Needs the extra `notebook`. Each function takes a frame or a lazy frame of this package, or any other that has the
columns, and returns Altair's own chart: `.properties(width=...)`, `a | b` and `.save("a.svg")` work as ever, and
`chart.data` holds what is drawn. Rows are counted and summed before they are drawn, so a chart is as small for a
million files as for ten; what has no room is one mark called "other", and the line below the title says what it holds.

**Nothing is downloaded to see a chart.** Altair's own default shows a chart by a script from the network. Where nobody
has chosen another renderer, the first chart of this package chooses "svg": a picture that needs no network, now or when
the notebook is opened again. `altair.renderers.enable("jupyter", offline=True)` shows tooltips as well (it
needs `anywidget`), and `chart.save("a.html", inline=True)` writes them into a page that needs nothing else.
"""

from __future__ import annotations

from .bars import hits_by_folder, languages
from .rectangles import treemap
from .times import ages

__all__ = ["ages", "hits_by_folder", "languages", "treemap"]
