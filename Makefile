# Two commands: `make demo` runs the main job, `make test` passes the tests. Each does its own set-up.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?=

.PHONY: setup demo test unit lint clean

setup: .venv/ready

# What a run needs; tests and checks add to it below.
.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "livegold: $(PYTHON) is `$(PYTHON) -V 2>&1 | head -1`: install Python 3.11 or later, or give make PYTHON=..."; exit 2; }
	@echo "setting up .venv (once, a few minutes)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[spark,models,local,preview]'
	@$(BIN)/python -m livegold.streams.local.archive
	@touch $@

.venv/ready-for-tests: .venv/ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  -e '.[spark,models,local,preview,screenshots,scikit-learn,test,templates,lint]'
	@$(BIN)/python -m livegold.dashboards.checks.tools
	@touch $@

demo: .venv/ready
	@$(BIN)/livegold demo $(DEMO)

lint: .venv/ready-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# tests/streams shares one Spark session. Everything else, wherever it lies, runs beside it and is shown after it.
test: lint
	@$(BIN)/python -m pytest tests --ignore=tests/streams > .pytest.log 2>&1 & beside=$$!; \
	trap 'kill $$beside; exit 130' INT TERM; \
	$(BIN)/python -m pytest tests/streams; streams=$$?; \
	wait $$beside; others=$$?; cat .pytest.log; \
	exit $$((streams ? streams : others))

# What needs no Spark, no broker and no service.
unit: .venv/ready-for-tests
	$(BIN)/python -m pytest -m "not integration and not spark and not broker and not long"

clean:
	rm -rf .venv .livegold
