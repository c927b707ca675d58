PYTHON ?= python

.PHONY: check format lint types stubs test quick bench docs
check: lint types test

format:
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types:
	$(PYTHON) tools/hatch_build.py
	$(PYTHON) -m mypy

stubs:
	$(PYTHON) tools/gen_stubs.py

test:
	$(PYTHON) -m pytest

quick:
	$(PYTHON) -m pytest tests/core tests/nn -x

bench:
	$(PYTHON) -m dfdx bench

CHECKED = DFDX_CACHE= OCLGRIND_DATA_RACES=1 OCLGRIND_LOG=oclgrind.log DFDX_TEST_OPENCL=opencl:oclgrind
KERNELS = tests/opencl/test_kernels.py tests/opencl/test_images.py tests/opencl/test_products.py

.PHONY: oclgrind
oclgrind:  # bounds, races and barriers of every OpenCL kernel, as for GPUs and as for CPUs: pip install ".[test,oclgrind]"
	rm -f oclgrind.log
	$(CHECKED) $(PYTHON) -m pytest $(KERNELS)
	$(CHECKED) DFDX_TEST_TARGET=cpu $(PYTHON) -m pytest $(KERNELS)
	test ! -s oclgrind.log

docs:
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict
	$(PYTHON) tools/check_site.py build/site
