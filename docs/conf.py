"""Sphinx: the pages are Markdown (MyST), the reference is read from docstrings."""

import sys
from pathlib import Path

from metaplastic import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "metaplastic"
author = "The metaplastic authors"
copyright = author
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
myst_enable_extensions = ["colon_fence", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

# pages of the same folder that not every checkout has
suppress_warnings = ["toc.not_readable", "myst.xref_missing"]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
nitpicky = False

html_theme = "furo"
html_title = "metaplastic"
html_show_sphinx = False


def setup(app):
    """Fill what is generated into the pages that hold it."""
    import api_page
    import settings_page

    app.connect("source-read", settings_page.fill)
    app.connect("source-read", api_page.fill)
