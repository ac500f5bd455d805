#!/bin/sh
# Rebuilds artifacts/*.json from the Solidity here. Needs node and npm; what it builds is
# committed, so that nothing else does.
set -eu
cd "$(dirname "$0")"
npm install --no-package-lock --no-audit --no-fund --ignore-scripts --silent
node build.js
