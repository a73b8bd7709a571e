"""Sphinx configuration: Markdown (MyST) pages, a reference from docstrings, executed tutorials.

A tutorial that fails makes the build fail. Outputs are cached in `_build/.jupyter_cache` and made
again if the code of a page changed; `make clean` deletes them.
"""

import sys
from pathlib import Path

from metaplastic import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "metaplastic"
author = "The metaplastic authors"
copyright = author
release = version = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
myst_enable_extensions = ["colon_fence", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_execution_in_temp = True  # keeps files that a tutorial writes out of docs/
nb_merge_streams = True

# some pages of this folder are not in every checkout
suppress_warnings = ["toc.not_readable", "myst.xref_missing"]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
nitpicky = False

html_theme = "furo"
html_title = "metaplastic"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["narrow.css"]


def setup(app):
    """Insert the generated parts into their pages."""
    import api_page
    import gallery_page
    import rules_page
    import settings_page

    for page in (settings_page, api_page, gallery_page, rules_page):
        app.connect("source-read", page.fill)
