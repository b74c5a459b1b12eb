#!/usr/bin/env bash
# Compares two versions of a Lambda function, or two results, and fails when something got worse. Or keeps one pull
# request a function with the size that its newest result recommends.
#
# The inputs are environment variables, so that it runs in any shell:
#   INPUT_MODE             duet (default): measure two versions side by side.
#                          compare: hold a result against a baseline.
#                          watch: open, update or close one pull request a function (needs gh, GH_TOKEN, git).
#   INPUT_FUNCTION         duet: function name, ARN, or FILE:HANDLER. compare: tuned first unless INPUT_CANDIDATE is given.
#   INPUT_BASELINE         duet: version, alias, file or git revision. compare: result.json, or its s3:// address.
#   INPUT_CANDIDATE        likewise.
#   INPUT_PAYLOAD          JSON, or @FILE.
#   INPUT_RESULTS          watch: results, folders of results, or s3:// prefixes, separated by blanks or line ends.
#   INPUT_PROJECT          watch: template, or folder with the files that define the functions; default this folder.
#   INPUT_POWER_VALUES     memory sizes (one for a duet).
#   INPUT_THRESHOLD        default 5%.
#   INPUT_METRICS          metrics to compare, separated by blanks; default all.
#   INPUT_STRICT           true or false (default): fail with 4 when it is not decided.
#   INPUT_UPDATE_BASELINE  true or false (default): the candidate becomes the baseline when it is proved no worse (compare).
#   INPUT_COMMENT          true or false (default): comment on the pull request in INPUT_PULL_REQUEST of
#                          GITHUB_REPOSITORY (needs gh, GH_TOKEN).
#   INPUT_OUTPUT           folder for comparison.{md,json,xml}; default tuner-report.
#   INPUT_ARGUMENTS        further arguments of tuner duet, or of tuner compare, separated by blanks or line ends.
#   INPUT_TUNE_ARGUMENTS   further arguments of tuner tune, where compare tunes first; likewise.
#
# Exit codes are those of the tuner: 0 fine, 1 failed, 2 bad input, 3 worse, 4 not decided (strict).
set -euo pipefail

marker="<!-- lambda-tuner comparison -->"
mode="${INPUT_MODE:-duet}"
folder="${INPUT_OUTPUT:-tuner-report}"
answer="$folder/comparison.md"

# Whatever ends the script, the outputs, the summary and the comment tell of this run and of no earlier one.
finish() {
  local code="$1" verdict
  set +e
  if [ ! -f "$answer" ] && [ "$code" -eq 0 ]; then code=1; fi
  case "$code" in
    0) verdict="passed" ;;
    3) verdict="worse" ;;
    4) verdict="not decided" ;;
    *) verdict="failed" ;;
  esac
  if [ ! -f "$answer" ]; then
    printf '%s\n### ❌ The comparison ended without an answer: %s\n\nExit code %s. See the log.\n' \
      "$marker" "$verdict" "$code" >"$answer"
  fi
  if [ -n "${GITHUB_OUTPUT:-}" ]; then
    printf 'verdict=%s\nexit-code=%s\nreport=%s\n' "$verdict" "$code" "$answer" >>"$GITHUB_OUTPUT"
  fi
  if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$answer" >>"$GITHUB_STEP_SUMMARY"; fi
  if [ "${INPUT_COMMENT:-}" = true ] && [ -n "${INPUT_PULL_REQUEST:-}" ]; then
    # A comment that cannot be written is no reason to call the release good or bad.
    comment || echo "warning: the comment on pull request $INPUT_PULL_REQUEST could not be written" >&2
  fi
  exit "$code"
}

# One comment on a pull request, written anew each time; its first line tells it from those of others.
comment() {
  local repository="${GITHUB_REPOSITORY:-}" id
  if [ -z "$repository" ]; then
    echo "warning: GITHUB_REPOSITORY is empty" >&2
    return 1
  fi
  id="$(gh api "repos/$repository/issues/$INPUT_PULL_REQUEST/comments" --paginate \
    --jq ".[] | select(.body | startswith(\"$marker\")) | .id" | tail -n 1)" || return
  if [ -n "$id" ]; then
    gh api --silent --method PATCH "repos/$repository/issues/comments/$id" --field "body=@$answer"
  else
    gh pr comment "$INPUT_PULL_REQUEST" --repo "$repository" --body-file "$answer"
  fi
}

refuse() {
  echo "error: $1" >&2
  exit 2
}

need() {
  if [ -z "${!1:-}" ]; then refuse "$1 is empty: mode $mode needs it"; fi
}

mkdir -p "$folder"
# What an earlier step left must not be taken for this one's answer.
rm -f "$folder"/comparison.{md,json,xml}
trap 'finish $?' EXIT

for name in INPUT_STRICT INPUT_UPDATE_BASELINE INPUT_COMMENT; do
  case "${!name:-false}" in
    true | false) ;;
    *) refuse "$name is ${!name}: use true or false" ;;
  esac
done
if [ "$mode" = watch ]; then need INPUT_RESULTS; else need INPUT_BASELINE; fi

read -r -d '' -a further < <(printf '%s\0' "${INPUT_ARGUMENTS:-}")
read -r -d '' -a results < <(printf '%s\0' "${INPUT_RESULTS:-}")
read -r -d '' -a for_tuning < <(printf '%s\0' "${INPUT_TUNE_ARGUMENTS:-}")
read -r -d '' -a metrics < <(printf '%s\0' "${INPUT_METRICS:-}")

measure=()
if [ -n "${INPUT_PAYLOAD:-}" ]; then measure+=(--payload "$INPUT_PAYLOAD"); fi
if [ -n "${INPUT_POWER_VALUES:-}" ]; then measure+=(--power-values "$INPUT_POWER_VALUES"); fi

decide=(--threshold "${INPUT_THRESHOLD:-5%}")
for suffix in md json xml; do decide+=(--output "$folder/comparison.$suffix"); done
for metric in ${metrics[@]+"${metrics[@]}"}; do decide+=(--metric "$metric"); done
if [ "${INPUT_STRICT:-}" = true ]; then decide+=(--strict); fi
decide+=(${further[@]+"${further[@]}"})

case "$mode" in
  duet)
    need INPUT_FUNCTION
    need INPUT_CANDIDATE
    if [ "${INPUT_UPDATE_BASELINE:-}" = true ]; then refuse "INPUT_UPDATE_BASELINE: a duet keeps no baseline"; fi
    tuner duet "$INPUT_FUNCTION" --baseline "$INPUT_BASELINE" --candidate "$INPUT_CANDIDATE" \
      --samples "$folder/samples.jsonl" ${measure[@]+"${measure[@]}"} "${decide[@]}"
    ;;
  compare)
    candidate="${INPUT_CANDIDATE:-}"
    if [ -z "$candidate" ]; then
      need INPUT_FUNCTION
      rm -rf "$folder/tuning"
      # The same sizes and numbers of runs every time, so that results can be compared.
      tuner tune "$INPUT_FUNCTION" --sampler grid --environments 4 --output "$folder/tuning" \
        ${measure[@]+"${measure[@]}"} ${for_tuning[@]+"${for_tuning[@]}"}
      candidate="$folder/tuning/result.json"
    fi
    if [ "${INPUT_UPDATE_BASELINE:-}" = true ]; then decide+=(--update-baseline); fi
    tuner compare "$INPUT_BASELINE" "$candidate" "${decide[@]}"
    ;;
  watch)
    for role in AUTHOR COMMITTER; do
      name="GIT_${role}_NAME" mail="GIT_${role}_EMAIL"
      export "$name=${!name:-lambda-tuner}" "$mail=${!mail:-lambda-tuner@users.noreply.github.com}"
    done
    proposed="$(tuner patch "${results[@]}" --from "${INPUT_PROJECT:-.}" --pull-requests ${further[@]+"${further[@]}"})"
    # shellcheck disable=SC2016  # The marks of a code block are no command.
    printf '%s\n### Pull requests for right sizes\n\n```text\n%s\n```\n' "$marker" "$proposed" >"$answer"
    ;;
  *)
    refuse "INPUT_MODE is $mode: use duet, compare or watch"
    ;;
esac
