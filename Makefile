# For fingers that type `make`; dev.py does the work. `make test T=tests/rules` runs a part.
.PHONY: help demo test check bench phrases lock

help:
	@python3 dev.py --help

demo check bench phrases lock:
	@python3 dev.py $@

test:
	@python3 dev.py test $(T)
