#!/bin/sh
# The main job, on the embedded defaults: this project's own docs become an application that
# answers questions about Assay. No key, no server, no network. Run by `make demo`.
set -eu

say() { printf '\n\033[1;36m$ %s\033[0m\n' "$*"; }
run() { say "$@"; "$@" || [ $? -eq 1 ]; }   # 1 is an answer too: nothing was said, with a reason

rm -rf demo
run assay init demo --from docs --name assay-docs
cd demo
run assay ingest
run assay ask "How does Assay make sure that a citation is real?" --timings
run assay ask "What happens when ingestion is killed halfway?" --timings
run assay ask "What is the airspeed of an unladen swallow?" --timings

printf '\nThe application is in demo/: change assay.toml, or ask your own question with\n'
printf '    cd demo && ../.venv/bin/assay ask "your question"\n'
