# Two commands matter: `make run` and `make test`. Everything is installed into .venv from the files in locks/.
VENV := .venv
PY := $(VENV)/bin/python
UV := $(shell command -v uv 2>/dev/null || echo $(VENV)/bin/uv)
INSTALL = $(UV) pip install --quiet --python $(PY) --require-hashes -r
UV_VERSION := 0.13.8
ARGS ?=

.PHONY: run test test-long lint lock bench profile vendor clean

run: $(VENV)/.demo
	@$(VENV)/bin/ticktape demo $(ARGS)

test: $(VENV)/.dev tests/node_modules/.installed
	@$(PY) -m pytest -m "not long" -n 2 --dist loadgroup $(ARGS)

test-long: $(VENV)/.dev tests/node_modules/.installed
	@$(PY) -m pytest -m long -n 2 --dist loadgroup $(ARGS)

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/sqlfluff lint --disable-progress-bar supabase

# The stamp comes last, so that an interrupted set-up is done again.
$(VENV)/.made:
	@if command -v uv >/dev/null 2>&1; then uv venv --quiet --clear --python python3 $(VENV); \
	else python3 -m venv --clear $(VENV) && $(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); fi \
	|| { echo "python3 (3.11 or newer) with its venv module is needed; on Debian: apt install python3-venv" >&2; exit 2; }
	@touch $@

$(VENV)/.demo: locks/demo.lock pyproject.toml | $(VENV)/.made
	@$(INSTALL) locks/demo.lock
	@$(UV) pip install --quiet --python $(PY) --no-deps -e .
	@touch $@

$(VENV)/.dev: locks/dev.lock $(VENV)/.demo
	@$(INSTALL) locks/dev.lock
	@touch $@

$(VENV)/.bench: locks/bench.lock $(VENV)/.dev
	@$(INSTALL) locks/bench.lock
	@touch $@

tests/node_modules/.installed: tests/package-lock.json
	@if command -v npm >/dev/null 2>&1; then npm --prefix tests ci --silent --no-audit --no-fund && touch $@; \
	else echo "npm not found: tests against @supabase/lite will be skipped" >&2; fi

lock: $(VENV)/.made
	$(UV) pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 pyproject.toml -o locks/service.lock
	$(UV) pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 pyproject.toml --extra demo -c locks/service.lock -o locks/demo.lock
	$(UV) pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 pyproject.toml --all-extras --group dev -c locks/demo.lock -o locks/dev.lock
	$(UV) pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 pyproject.toml --all-extras --group dev --group bench -c locks/dev.lock -o locks/bench.lock
	$(UV) pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 --group build -o locks/build.lock

vendor:
	service/web/vendor.sh

bench: $(VENV)/.bench tests/node_modules/.installed
	@$(PY) -m benchmarks.run $(ONLY)

profile: $(VENV)/.bench
	@$(PY) -m benchmarks.profile_service

clean:
	rm -rf $(VENV) tests/node_modules
