# Everything a person or a machine needs, from nothing but python3 >= 3.11 (with venv) and make.
#   make demo [KEEP=1]     the main job on real input     make test [ARGS=...]   lint, types, tests
#   make coverage          every line and branch of rating and settlement is reached by a test that needs no stack
PYTHON ?= python3
ARGS ?=
KEEP ?=
BIN := .venv/bin
STAMP := .venv/.installed
ATTEMPTS := 1 2 3 4 5

.PHONY: test demo up lint bench long coverage lock clean install

test: lint
	$(BIN)/pytest $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

demo: $(STAMP)
	KEEP="$(KEEP)" $(BIN)/trueup demo $(ARGS)

up: $(STAMP)
	$(BIN)/trueup up $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m benchmarks.pipeline $(ARGS)

long: $(STAMP)
	$(BIN)/pytest -m long $(ARGS)

# The modules that make money of facts, and the tests of them that need neither Kafka nor Postgres.
PURE := projections/rating/*,projections/settlement/*,projections/pricing.py,projections/money.py,projections/calendar.py,projections/aggregates.py
PURE_TESTS := tests/settlement tests/test_scenarios.py tests/insight tests/billing/test_fold.py

# The seed is fixed: what is covered must not hang on what hypothesis draws today.
coverage: $(STAMP)
	$(BIN)/pytest -q -m "not stack and not long" --hypothesis-seed=0 --cov=projections --cov-branch --cov-report= $(PURE_TESTS) $(ARGS)
	$(BIN)/coverage report --include="$(PURE)" --skip-covered --show-missing --fail-under=100

install: $(STAMP)

# The stamp lies in .venv, so it goes when .venv goes; a changed lock or pyproject.toml brings the environment up to date.
# A download may fail on a poor line, so each step is tried again after a pause. pip checks every file against the lock.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Trueup needs Python 3.11 or newer, but '$(PYTHON)' is: $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@for n in $(ATTEMPTS); do \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && exit 0; \
	  echo "install: attempt $$n of 5 failed, next in $$((n * 5)) s" >&2; sleep $$((n * 5)); \
	done; echo "install: the packages in requirements.lock could not be installed; pip's message is above" >&2; exit 1
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# Resolves anew for every supported Python on Linux and macOS. The lock names versions and hashes, never an address.
# UPGRADE=--upgrade takes the newest versions; otherwise what is locked stays.
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-lock/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet $(UPGRADE) -o requirements.lock
	rm -rf .venv-lock

clean:
	rm -rf .venv .venv-lock .trueup .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
