#!/usr/bin/env bash
# What the action does once Python and uv are there. Reads KATA_NAMES, KATA_SUBMISSIONS, KATA_OUT, KATA_SEED,
# KATA_SHARD and KATA_OPTIONS; empty ones count for nothing. The values are arguments, never words of a shell.
set -euo pipefail

if [ -z "${KATA_SUBMISSIONS:-}" ]; then
    IFS=', ' read -r -a names <<<"${KATA_NAMES:-}"
    exec bash .ci/exercises "${names[@]}"
fi

read -r -a options <<<"${KATA_OPTIONS:-}"
[ -z "${KATA_NAMES:-}" ] || options+=(--kata "$KATA_NAMES")
[ -z "${KATA_SEED:-}" ] || options+=(--seed "$KATA_SEED")
[ -z "${KATA_SHARD:-}" ] || options+=(--shard "$KATA_SHARD")

said=$(mktemp)
status=0
uv run --quiet kata grade "$KATA_SUBMISSIONS" --out "${KATA_OUT:-grades}" "${options[@]}" | tee "$said" || status=$?
{
    echo "## Grades${KATA_SHARD:+, shard $KATA_SHARD}"
    echo
    echo '```'
    sed 's/ (seed [0-9]*)//' "$said" # a run's summary is read by more people than its logs
    echo '```'
} >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}"
rm -f "$said"
exit "$status"
