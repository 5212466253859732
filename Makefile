# make demo   back-test five recipes on the sample data and write the report
# make serve the page and the API with the sample data, at http://127.0.0.1:8800
# make quick  ruff, mypy and the unit tests but the slow ones: for a look after each change
# make test   ruff, mypy and pytest; it runs what README and docs show behind `$`, and their Python
# make docs   the site, in build/docs/index.html: its notebooks are run, and a warning ends it; no network is needed
# make stress fuzzers, kills and long laws at their full counts, of which `make test` runs a twentieth
# make newest the tests against the newest release of every dependency, in an environment of its own
# All need Python 3.11 or newer and nothing else: they make .venv once and install the tested versions into it.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
WORKERS ?= 2
# Tests of one file share what they train, and so a process.
SPREAD = --numprocesses $(WORKERS) --dist loadfile

.PHONY: demo serve quick test docs stress newest clean
.DELETE_ON_ERROR:

demo: $(INSTALLED)
	$(BIN)/foretell demo --out runs/demo --overwrite

serve: $(INSTALLED)
	$(BIN)/foretell serve --home runs/home --demo

quick: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(BIN)/mypy & types=$$!; \
		$(BIN)/pytest $(SPREAD) -m "not slow" tests/unit tests/test_layers.py; tests=$$?; \
		wait $$types && exit $$tests

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest $(SPREAD)

docs: $(INSTALLED)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs

stress: $(INSTALLED)
	FORETELL_STRESS=1 $(BIN)/pytest tests/stress

newest:
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install --quiet --editable ".[dev,docs]"
	-.venv-newest/bin/python -m pip list --format freeze | diff constraints.txt - | grep '^>'
	.venv-newest/bin/pytest $(SPREAD)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is older than Python 3.11: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,docs]"
	@touch $@

clean:
	rm -rf .venv .venv-newest .mypy_cache .ruff_cache .pytest_cache .hypothesis
