"""Sphinx's settings for the site. tools/build_site.py gathers the sources and calls Sphinx; `make
docs` runs it.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]  # the extensions below; the packages

project = "Sketch to Face"
author = "The Sketch to Face authors"
language = "en"
smartquotes_action = "qe"  # two dashes stay: they begin a flag
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "links",  # this one and those below lie beside this file
    "formulas",
    "reference",
]

myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

nb_execution_mode = "off"  # pages show the outputs that are committed
nb_merge_streams = True
nb_ipywidgets_js = {}  # widgets are shown as their stills; no script is fetched for them

# The reference (api/) imports the packages without these two, which are large: modules stand in for
# them. Classes and signatures come out the same, but for torch.Tensor instead of Tensor.
autodoc_mock_imports = ["torch", "cv2"]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 70
nitpick_ignore_regex = [("py:.*", ".*")]  # types of other packages

html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_use_index = False
html_show_sourcelink = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"

# `python tools/build_site.py --links` alone follows links to other places.
linkcheck_timeout = 20
linkcheck_workers = 4
