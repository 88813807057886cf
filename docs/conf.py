"""The documentation site, made by Sphinx: `make docs`, then open docs/_build/html/index.html.

Furo is made for reading, on a phone and in the dark; MyST lets the pages be the same Markdown that a forge shows.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

import rltools  # noqa: E402

project = "rltools"
author = "the authors of rltools"
copyright = author  # noqa: A001  Sphinx calls it so
release = version = rltools.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "links",
    "notebooks",
    "outside",
    "reference",
]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]
html_theme = "furo"
html_title = "rltools"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#a4480f", "color-brand-content": "#a4480f"},
    "dark_css_variables": {"color-brand-primary": "#f0a06a", "color-brand-content": "#f0a06a"},
}
templates_path = []

myst_enable_extensions = ["colon_fence", "deflist", "html_image", "attrs_block", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "auto"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_in_temp = True

maximum_signature_line_length = 80
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {name: name for name in ("Environment", "Recordings", "References")}
autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_mock_imports = []
python_use_unqualified_type_names = True
suppress_warnings = ["ref.python"]  # two rooms have a class `Returns`
napoleon_numpy_docstring = False
napoleon_use_ivar = True
