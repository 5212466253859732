"""Arrays of a panel's folder: what their seal says of them is checked before they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foretell.data.panel_files import SavedArray, read_array
from foretell.errors import ForetellError


@pytest.mark.parametrize("name", ["", "O", "i4,f4", "<f3", "x" * 500, "S8", "datetime64[fortnight]"])
def test_values_of_no_type_are_a_damaged_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "target.npy"
    np.save(path, np.zeros(3, np.float32))
    said = SavedArray(bytes=path.stat().st_size, blocks=None, dtype=name, shape=(3,))
    with pytest.raises(ForetellError, match=r"target\.npy is damaged"):
        read_array(path, said)
