"""Configuration of the documentation site; `make docs` builds it, without network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bsynth

project = "bsynth"
author = "The bsynth developers"
copyright = author
version = release = bsynth.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "site_parts",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]

# Two hyphens before an option are two hyphens.
smartquotes = False
# Single backticks in docstrings name things of the package.
default_role = "py:obj"
autosummary_generate = True
autosummary_ignore_module_all = False
# Types stand in the docstrings' own words.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline"]
myst_heading_anchors = 4
# Notebooks of the gallery are executed already; cells of pages are run by `cells.py`.
nb_execution_mode = "off"
nb_output_stderr = "remove"
nb_merge_streams = True

html_theme = "pydata_sphinx_theme"
html_title = "bsynth"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sourcelink = False
# These have no pages below them.
html_sidebars = {name: [] for name in ("index", "quickstart", "method", "evidence", "coming-from", "faq", "changelog")}
html_math_renderer = "mathml"
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"
