#!/usr/bin/env bash
# run.sh SLUG INPUT OUTPUT: judges the exercise SLUG (ch02-losses, or a kata's name) of the submission in the folder
# INPUT and writes OUTPUT/results.json, version 3. Exit status 0 when it is written, whatever it says.
set -euo pipefail

if [ "$#" -ne 3 ]; then
    echo "usage: run.sh SLUG INPUT OUTPUT" >&2
    exit 2
fi
input=$(realpath "$2")
output=$(realpath "$3")
cd "${KATA_HOME:-$(dirname "$(realpath "$0")")/..}"
PATH="$PWD/.venv/bin:$PATH" exec python -m kata.grade.runner "$1" "$input" "$output"
