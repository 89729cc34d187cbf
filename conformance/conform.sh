#!/usr/bin/env bash
# The conformance suite against the built binary: conform.sh BINARY [flags of hibachi conform].
# It starts a broker in a directory of its own, on any port, and stops it. "conform.sh restart DIR" is how the suite restarts that broker.
set -euo pipefail

# start DIR ADDRESS: returns when the broker serves; DIR/address and DIR/pid tell where it is.
start() {
	: >"$1/ready"
	"$(cat "$1/binary")" serve --listen "$2" --http "" --data "$1/data" >>"$1/ready" 2>>"$1/log" </dev/null &
	echo $! >"$1/pid"
	for _ in $(seq 300); do
		if grep -oE '127\.0\.0\.1:[0-9]+' "$1/ready" >"$1/address"; then
			return
		fi
		kill -0 "$(cat "$1/pid")" 2>/dev/null || break
		sleep 0.1
	done
	echo "conform.sh: the broker does not serve:" >&2
	tail -20 "$1/log" >&2
	return 1
}

stop() {
	local pid
	pid=$(cat "$1/pid")
	kill "$pid" 2>/dev/null || true
	for _ in $(seq 150); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -9 "$pid"
}

if [ "$1" = restart ]; then
	stop "$2"
	start "$2" "$(head -1 "$2/address")"
	exit
fi

binary=$(realpath "$1")
shift
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'stop "$dir"; rm -rf "$dir"' EXIT
echo "$binary" >"$dir/binary"
start "$dir" 127.0.0.1:0
"$binary" conform --target "amqp://$(head -1 "$dir/address")" --restart "'$self' restart '$dir'" "$@"
