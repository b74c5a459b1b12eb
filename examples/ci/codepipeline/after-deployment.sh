#!/usr/bin/env bash
# A pipeline's step after a deployment: has the state machine tune the function in AWS, then holds
# the result against the last good one.
#
#   STATE_MACHINE_ARN  of the deployed tuner
#   TUNER_INPUT        execution input, such as execution-input.json beside this file
#   BASELINE           result.json of the last good release, or its s3:// address
#   THRESHOLD          default 5%
#
# Fails with the tuner's exit code: 3 when the release got worse. What does not end well does not pass.
set -euo pipefail

: "${STATE_MACHINE_ARN:?}" "${TUNER_INPUT:?}" "${BASELINE:?}"
folder="${OUTPUT:-tuning}"
rm -rf "$folder"
tuner execute "$STATE_MACHINE_ARN" "$TUNER_INPUT" --output "$folder"
tuner compare "$BASELINE" "$folder/result.json" --threshold "${THRESHOLD:-5%}" --update-baseline \
  --output "$folder/comparison.xml" --output "$folder/comparison.md"
