#!/bin/sh
# The main job, on the embedded defaults: this project's own docs become an application that
# answers questions about Assay. No key, no server, no network. Run by `make demo`.
set -eu

# Print a command as it would be typed, then run it.
run() {
    printf '\n\033[1;36m$'
    for word in "$@"; do
        case $word in *[\ \?]*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\033[0m\n'
    "$@" || [ $? -eq 1 ]    # 1 is a result too: nothing was answered, with a reason
}

rm -rf demo
run assay init demo --from docs --name assay-docs
cd demo
run assay ingest
run assay ask "How does Assay make sure that a citation is real?" --timings
run assay ask "What happens when ingestion is killed halfway?" --timings
run assay ask "How much does a support contract cost?" --timings

printf '\nThe last one is not in the docs, and so it is not answered. The application is in demo/.\n'
printf 'Change its assay.toml, or ask a question of your own:\n\n'
printf '    cd demo && ../.venv/bin/assay ask "How do I use a model on my own server, such as Ollama?"\n'
