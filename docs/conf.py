"""Sphinx: the pages are Markdown (MyST), the reference is read from docstrings."""

from metaplastic import __version__

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
