# Each target calls one script or one cargo line; the scripts say at their head what they do.
.PHONY: run test bench bench-sources evaluate

# Starts Wallwatch here and now, without installing it; Ctrl+C ends it and leaves nothing behind.
run:
	@exec scripts/run.sh

# Runs every test; `make test ARGS='--test scan'` runs some.
test:
	@exec scripts/test.sh $(ARGS)

# Measures: lines read a second, and how long it takes from the packet that decides to the popup.
bench:
	@exec scripts/bench.sh

# Measures what the sources lose and cost beside ulogd and dmesg; `make bench-sources PARTS='kmsg'` measures some.
bench-sources:
	@exec scripts/bench-sources.sh $(PARTS)

# Scores how well attacks are known in a folder of labelled cases, beside psad where it can be had; `make evaluate CORPUS=DIR ARGS=--json`.
evaluate:
	@exec scripts/evaluate.sh $(ARGS) "$(or $(CORPUS),tests/data)" $(CASES)
