"""How the site is built: `make docs`, without network, warnings are errors."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from notebook_cache import cache_folder  # noqa: E402  # it lies in _ext

# Kernels inherit this: `import page_folder` finds _ext, `!foretell` the command of this environment.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE / "_ext"), os.environ.get("PYTHONPATH")]))
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ["COLUMNS"] = "100"

project = "foretell"
author = "the authors of foretell"
copyright = "the authors of foretell"
release = version = installed("foretell")

extensions = ["myst_nb", "sphinx_copybutton", "sphinx_llms_txt", "mathml", "reference", "site_check"]
exclude_patterns = ["_build", "_ext"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!foretell\b).*")]  # other projects' names: their sites are not asked

# Pages are MyST; those with a kernel in their head are notebooks, whose cells are run.
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_cache_path = str(cache_folder(HERE.parent))
nb_execution_timeout = 600  # seconds a cell: a busy machine is slow, and what hangs still ends
nb_execution_raise_on_error = True
nb_merge_streams = True

html_theme = "furo"
html_title = "foretell"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["foretell.css"]
html_show_sphinx = False
html_copy_source = True
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"

llms_txt_title = "foretell"
llms_txt_summary = (
    "Self-hosted probabilistic demand forecasting in Python: three tables in (target series, related series, item"
    " metadata), quantiles, scores and a report out."
)
