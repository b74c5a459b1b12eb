#!/usr/bin/env bash
# Compares two versions of a Lambda function, or two results, and fails when something got worse.
#
# The inputs are environment variables, so that it runs in any shell:
#   INPUT_MODE             duet (default): measure two versions side by side.
#                          compare: hold a result against a baseline.
#   INPUT_FUNCTION         duet: function name, ARN, or FILE:HANDLER. compare: tuned first unless INPUT_CANDIDATE is given.
#   INPUT_BASELINE         duet: version, alias, file or git revision. compare: result.json, or its s3:// address.
#   INPUT_CANDIDATE        likewise.
#   INPUT_PAYLOAD          JSON, or @FILE.
#   INPUT_POWER_VALUES     memory sizes (one for a duet).
#   INPUT_THRESHOLD        default 5%.
#   INPUT_METRICS          metrics to compare, separated by blanks; default all.
#   INPUT_STRICT           true: fail with 4 when it is not decided.
#   INPUT_UPDATE_BASELINE  true: the candidate becomes the baseline unless it is worse (compare).
#   INPUT_COMMENT          true: comment on the pull request in INPUT_PULL_REQUEST of GITHUB_REPOSITORY (needs gh, GH_TOKEN).
#   INPUT_OUTPUT           folder for comparison.{md,json,xml}; default tuner-report.
#   INPUT_ARGUMENTS        further arguments of the tuner, separated by blanks.
#
# Exit codes are those of the tuner: 0 fine, 1 failed, 2 bad input, 3 worse, 4 not decided (strict).
set -euo pipefail

mode="${INPUT_MODE:-duet}"
folder="${INPUT_OUTPUT:-tuner-report}"
mkdir -p "$folder"
# What an earlier step left must not be taken for this one's answer.
rm -f "$folder"/comparison.{md,json,xml}

need() {
  if [ -z "${!1:-}" ]; then
    echo "error: $1 is empty: mode $mode needs it" >&2
    exit 2
  fi
}

read -r -a further <<<"${INPUT_ARGUMENTS:-}"
read -r -a metrics <<<"${INPUT_METRICS:-}"

common=(--threshold "${INPUT_THRESHOLD:-5%}")
for suffix in md json xml; do common+=(--output "$folder/comparison.$suffix"); done
for metric in ${metrics[@]+"${metrics[@]}"}; do common+=(--metric "$metric"); done
if [ "${INPUT_STRICT:-false}" = true ]; then common+=(--strict); fi

measure=()
if [ -n "${INPUT_PAYLOAD:-}" ]; then measure+=(--payload "$INPUT_PAYLOAD"); fi
if [ -n "${INPUT_POWER_VALUES:-}" ]; then measure+=(--power-values "$INPUT_POWER_VALUES"); fi
measure+=(${further[@]+"${further[@]}"})

need INPUT_BASELINE
code=0
case "$mode" in
  duet)
    need INPUT_FUNCTION
    need INPUT_CANDIDATE
    tuner duet "$INPUT_FUNCTION" --baseline "$INPUT_BASELINE" --candidate "$INPUT_CANDIDATE" \
      --samples "$folder/samples.jsonl" "${common[@]}" ${measure[@]+"${measure[@]}"} || code=$?
    ;;
  compare)
    candidate="${INPUT_CANDIDATE:-}"
    if [ -z "$candidate" ]; then
      need INPUT_FUNCTION
      rm -rf "$folder/tuning"
      # The same sizes and numbers of runs every time, so that results can be compared.
      tuner tune "$INPUT_FUNCTION" --sampler grid --environments 4 --output "$folder/tuning" \
        ${measure[@]+"${measure[@]}"} || code=$?
      candidate="$folder/tuning/result.json"
    fi
    if [ "${INPUT_UPDATE_BASELINE:-false}" = true ]; then common+=(--update-baseline); fi
    if [ "$code" -eq 0 ]; then
      tuner compare "$INPUT_BASELINE" "$candidate" "${common[@]}" || code=$?
    fi
    ;;
  *)
    echo "error: INPUT_MODE is $mode: use duet or compare" >&2
    exit 2
    ;;
esac

case "$code" in
  0) verdict="passed" ;;
  3) verdict="worse" ;;
  4) verdict="not decided" ;;
  *) verdict="failed" ;;
esac
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'verdict=%s\nexit-code=%s\nreport=%s\n' "$verdict" "$code" "$folder/comparison.md" >>"$GITHUB_OUTPUT"
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  if [ -f "$folder/comparison.md" ]; then
    cat "$folder/comparison.md" >>"$GITHUB_STEP_SUMMARY"
  else
    echo "The comparison ended with exit code $code and without an answer: $verdict. See the log." >>"$GITHUB_STEP_SUMMARY"
  fi
fi
# One comment on a pull request, written anew each time; its first line tells it from those of others.
comment() {
  local comments="repos/${GITHUB_REPOSITORY:?}/issues" filter id
  filter='.[] | select(.body | startswith("<!-- lambda-tuner comparison -->")) | .id'
  id="$(gh api "$comments/$INPUT_PULL_REQUEST/comments" --paginate --jq "$filter" | tail -n 1)" || return
  if [ -n "$id" ]; then
    gh api --silent --method PATCH "$comments/comments/$id" --field "body=@$folder/comparison.md"
  else
    gh pr comment "$INPUT_PULL_REQUEST" --repo "$GITHUB_REPOSITORY" --body-file "$folder/comparison.md"
  fi
}
if [ "${INPUT_COMMENT:-false}" = true ] && [ -n "${INPUT_PULL_REQUEST:-}" ] && [ -f "$folder/comparison.md" ]; then
  # A comment that cannot be written is no reason to call the release good or bad.
  comment || echo "warning: the comment on pull request $INPUT_PULL_REQUEST could not be written" >&2
fi
exit "$code"
