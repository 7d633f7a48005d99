# Everything bootstraps itself: python3 and make are all that must be there.
PYTHON ?= python3
BIN := .venv/bin
# Many tests wait for another process: twice as many at once as there are cores.
WORKERS ?= $(shell expr 2 \* $$(nproc))
# These run once more without the compiled module, but for one that takes long and goes the same way in both.
PURE := $(wildcard tests/unit/test_capture_*.py) tests/unit/test_redaction.py tests/unit/test_shapes.py tests/unit/test_redaction_settings.py \
  tests/unit/test_innocent_texts.py \
  tests/docs/test_redaction_page.py tests/crash/test_journal_damage.py \
  --deselect tests/unit/test_capture_bounds.py::test_5000_requests_at_once_with_bodies_of_1_mb
SYNCED := .venv/.synced

.PHONY: demo test lint chromium tracing images docs suites bench lock clean

demo: $(SYNCED)  ## record real traffic of an example gateway and show it
	$(BIN)/dashcam demo $(DEMO)

test: $(SYNCED) lint chromium tracing  ## all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS)
	$(if $(TESTS),,DASHCAM_PURE_PYTHON=1 $(BIN)/python -m pytest -n $(WORKERS) -q $(PURE))

lint: $(SYNCED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

chromium:  ## for the tests of the page; without it they are skipped, and say so
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
	  || (apt-get update -qq && apt-get install -y -qq chromium chromium-driver) >/dev/null 2>&1 \
	  || echo "chromium is missing and can't be installed: the tests of the page are skipped"

tracing:  ## for the tests of failing system calls; as above
	@command -v strace >/dev/null \
	  || (apt-get update -qq && apt-get install -y -qq strace) >/dev/null 2>&1 \
	  || echo "strace is missing and can't be installed: the tests of failing calls are skipped"

images: $(SYNCED) chromium  ## the screenshots in docs/images
	$(BIN)/python docs/screenshots.py

docs: $(SYNCED)  ## the documentation as a site, in build/site
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir build/site

suites: $(SYNCED)  ## Starlette's and FastAPI's own tests, with dashcam around every app
	$(BIN)/python -m tests.suites

bench: $(SYNCED)  ## the numbers of the README, side by side in one run
	$(BIN)/python -m benchmarks

$(SYNCED): requirements.lock pyproject.toml hatch_build.py $(wildcard src/native/*) .uv/bin/uv
	.uv/bin/uv venv --quiet --allow-existing --python $(PYTHON) .venv
	VIRTUAL_ENV=.venv .uv/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	VIRTUAL_ENV=.venv .uv/bin/uv pip install --quiet --no-deps --editable .
	$(BIN)/python -m compileall -q src  # also where Python may not write bytecode: it starts in half the time
	touch $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv

lock: .uv/bin/uv  ## resolve the dependencies anew
	.uv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	  --extra standard --extra postgresql --extra clickhouse --extra parquet --group dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv .uv
