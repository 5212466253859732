"""One DuckDB: what it computes is what SQL says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from foretell.ingest.store import Store
from foretell.system.sql_text import literal


def test_what_a_column_of_text_may_be_as_a_number_is_missing_where_it_is_none(tmp_path: Path) -> None:
    # DuckDB 2.0 moves the cast of a lone column into its reader of CSV, where it is an error of line 3 and no NULL
    path = tmp_path / "sales.csv"
    path.write_text("item_id,target\na,1\na,two\n")
    with Store(files=[str(path)]) as store:
        columns = "columns = {'item_id': 'VARCHAR', 'target': 'VARCHAR'}"
        store.execute(
            f"CREATE VIEW v AS FROM read_csv({literal(str(path))}, auto_detect = false, header = true, {columns})"
        )
        assert store.rows("SELECT TRY_CAST(target AS DOUBLE) FROM v") == [(1.0,), (None,)]


def test_tables_are_read_in_a_notebook_without_ipywidgets() -> None:
    notebook = """
import sys, types
kernel = types.SimpleNamespace(config={"IPKernelApp": {}})
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: kernel)
sys.modules["ipywidgets"] = None
import pandas, foretell
days = pandas.date_range("2024-01-01", periods=9)
print(foretell.Dataset(pandas.DataFrame({"item_id": "a", "timestamp": days, "target": 1.0}), freq="D"))
"""
    done = subprocess.run([sys.executable, "-c", notebook], capture_output=True, text=True, check=False)
    assert "1 items" in done.stdout, done.stderr
