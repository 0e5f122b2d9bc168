#!/usr/bin/env bash
# What hiqa does on a CUDA device: correctness against the CPU, then tables of speed.
# Needs torch (2.11 or later) and numpy; nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 -u tests/cuda/checks.py "$@"
