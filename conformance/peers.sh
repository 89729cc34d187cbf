#!/usr/bin/env bash
# The conformance suite against brokers that others wrote: peers.sh BINARY [hibachi proton-c proton-cpp rabbitmq artemis broker-j] installs
# what they need, starts each on loopback, runs the suite, stops it, and writes docs/conformance-peers.md from these runs and those that
# are in $PEERS_HOME/runs from before.
# "peers.sh restart PEER" is how the suite restarts one. Peers that cannot be had are named and left out.
set -euo pipefail
cd "$(dirname "$0")/.."
self=$PWD/conformance/peers.sh
here=$PWD/conformance/peers
export PEERS_HOME=${PEERS_HOME:-$PWD/bin/peers} # what was installed, what the brokers store, their logs
export PEERS_PORT=${PEERS_PORT:-25700}          # of the first peer; twenty ports from it are used

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# debian PACKAGE...: installs what is not there.
debian() {
	dpkg -s "$@" >/dev/null 2>&1 && return
	as_root apt-get update -q
	as_root apt-get install -q -y --no-install-recommends "$@"
}

# jars PEER: the broker and what it needs from Maven Central.
jars() {
	debian maven openjdk-17-jdk-headless
	[ -d "$PEERS_HOME/$1/lib" ] || mvn -q -B -f "$here/$1/pom.xml" dependency:copy-dependencies -DoutputDirectory="$PEERS_HOME/$1/lib"
}

port() {
	case $1 in
	proton-c) echo $((PEERS_PORT)) ;;
	proton-cpp) echo $((PEERS_PORT + 1)) ;;
	rabbitmq) echo $((PEERS_PORT + 2)) ;; # 3 its distribution, 4 its epmd
	artemis) echo $((PEERS_PORT + 5)) ;;
	broker-j) echo $((PEERS_PORT + 6)) ;;
	hibachi) echo $((PEERS_PORT + 7)) ;;
	esac
}

# revivable PEER PROFILE: the profile for a peer that is started again when it dies, but is not asked to keep messages through that.
revivable() {
	cp "$2" "$PEERS_HOME/$1/profile.yaml"
	printf 'commands: {restart: "%s"}\n' "'$self' restart $1" >>"$PEERS_HOME/$1/profile.yaml"
	echo "$PEERS_HOME/$1/profile.yaml"
}

profile() {
	case $1 in
	proton-*) revivable "$1" conformance/suite/profiles/proton.yaml ;;
	rabbitmq) revivable "$1" "$here/rabbitmq/profile.yaml" ;;
	*) echo "$1" ;;
	esac
}

# install PEER puts it below PEERS_HOME; no service is started and none is left behind.
install_proton-c() {
	debian gcc libc6-dev libqpid-proton11-dev libqpid-proton11-dev-examples
	gcc -o broker /usr/share/proton/examples/c/broker.c -l:libqpid-proton.so -lpthread
}

install_proton-cpp() {
	debian g++ libqpid-proton-cpp12-dev libqpid-proton11-dev-examples
	g++ -std=c++17 -I/usr/share/proton/examples/cpp -o broker /usr/share/proton/examples/cpp/broker.cpp -lqpid-proton-cpp -lpthread
}

# The packages are unpacked, not installed: their scripts would make a user and start a service.
install_rabbitmq() {
	[ -d root/usr/lib/rabbitmq ] && return
	mkdir -p archives/partial
	as_root apt-get update -q
	as_root apt-get install -q -y --no-install-recommends --download-only -o Dir::Cache::archives="$PWD/archives" rabbitmq-server
	for package in archives/*.deb; do
		dpkg -x "$package" root
	done
	sed -i "s#ROOTDIR=/usr/lib/erlang#ROOTDIR=$PWD/root/usr/lib/erlang#" root/usr/lib/erlang/bin/erl
}

install_artemis() { jars artemis; }

install_broker-j() { jars broker-j; }

version() {
	case $1 in
	proton-c | proton-cpp) dpkg-query -W -f '${Version} (Debian)' libqpid-proton11 ;;
	rabbitmq) basename root/usr/lib/rabbitmq/lib/rabbitmq_server-* | sed 's/.*-//; s/$/ (Debian), rabbitmq_amqp1_0/' ;;
	artemis) basename lib/artemis-server-*.jar .jar | sed 's/.*-//; s/$/ (Maven Central), embedded/' ;;
	broker-j) basename lib/qpid-broker-core-*.jar .jar | sed 's/.*-//; s/$/ (Maven Central), embedded/' ;;
	hibachi) git -C "$here" describe --always --dirty ;;
	esac
}

run_proton-c() { exec ./broker 127.0.0.1 "$1"; }

run_proton-cpp() { exec ./broker -a "127.0.0.1:$1"; }

run_artemis() { exec java -Xmx1g -cp 'lib/*' "$here/artemis/Artemis.java" "$1" data; }

run_broker-j() { exec java -Xmx1g -XX:MaxDirectMemorySize=1g -cp 'lib/*' "$here/broker-j/BrokerJ.java" "$1" "$here/broker-j/config.json"; }

run_hibachi() { exec "$(cat binary)" serve --listen "127.0.0.1:$1" --http "" --data data; }

run_rabbitmq() {
	local erlang=$PWD/root/usr/lib/erlang
	mkdir -p data
	printf '%s\n' "[rabbitmq_amqp1_0]." >data/plugins
	printf '%s\n' "listeners.tcp.default = 127.0.0.1:$1" "log.console = true" "log.file = false" >data/rabbitmq.conf
	export HOME=$PWD/data PATH=$erlang/bin:$erlang/erts-$(cd "$erlang" && echo erts-* | cut -d- -f2)/bin:$PATH
	export ERL_ROOTDIR=$erlang LD_LIBRARY_PATH=$PWD/root/usr/lib/x86_64-linux-gnu
	export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$(($1 + 2))
	epmd &
	echo $! >data/epmd.pid
	export RABBITMQ_NODENAME=peer@localhost RABBITMQ_DIST_PORT=$(($1 + 1)) RABBITMQ_PID_FILE=$PWD/data/pid
	export RABBITMQ_MNESIA_BASE=$PWD/data/mnesia RABBITMQ_LOG_BASE=$PWD/data/log RABBITMQ_CONFIG_FILE=$PWD/data/rabbitmq.conf
	export RABBITMQ_ENABLED_PLUGINS_FILE=$PWD/data/plugins RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_LOGS=-
	export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
	exec root/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server
}

# start PEER: returns when its port answers.
start() {
	local port before
	port=$(port "$1")
	before=$(cat "$PEERS_HOME/$1/log" 2>/dev/null | wc -l)
	(cd "$PEERS_HOME/$1" && "run_$1" "$port" </dev/null >>log 2>&1) &
	echo $! >"$PEERS_HOME/$1/pid"
	for _ in $(seq 600); do
		kill -0 "$(cat "$PEERS_HOME/$1/pid")" 2>/dev/null || break
		if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			# Broker-J listens before its virtual host is active.
			[ "$1" != broker-j ] || tail -n "+$((before + 1))" "$PEERS_HOME/$1/log" | grep BRK-1004 >/dev/null || { sleep 0.1; continue; }
			return
		fi
		sleep 0.1
	done
	echo "peers.sh: $1 does not serve:" >&2
	tail -20 "$PEERS_HOME/$1/log" >&2
	return 1
}

# stop PEER: its process, and what it started.
stop() {
	local pid
	for file in "$PEERS_HOME/$1/data/pid" "$PEERS_HOME/$1/pid" "$PEERS_HOME/$1/data/epmd.pid"; do
		[ -s "$file" ] || continue
		pid=$(cat "$file")
		rm -f "$file"
		kill "$pid" 2>/dev/null || continue
		for _ in $(seq 150); do
			kill -0 "$pid" 2>/dev/null || continue 2
			sleep 0.1
		done
		kill -9 "$pid" 2>/dev/null || true
	done
}

if [ "${1:-}" = restart ]; then
	stop "$2"
	start "$2"
	exit
fi

if [ $# -lt 1 ]; then
	echo "usage: peers.sh BINARY [PEER...]" >&2
	exit 2
fi
binary=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- hibachi proton-c proton-cpp rabbitmq artemis broker-j
peers=("$@")

runs=$PEERS_HOME/runs
mkdir -p "$runs" "$PEERS_HOME/hibachi"
echo "$binary" >"$PEERS_HOME/hibachi/binary"
trap 'for p in "${peers[@]}"; do stop "$p"; done' EXIT

for peer in "${peers[@]}"; do
	mkdir -p "$PEERS_HOME/$peer"
	rm -rf "$PEERS_HOME/$peer/data" "$PEERS_HOME/$peer/log" "$runs/$peer".*
	if [ "$peer" != hibachi ] && ! (cd "$PEERS_HOME/$peer" && "install_$peer" >install.log 2>&1); then
		echo "peers.sh: $peer cannot be had: see $PEERS_HOME/$peer/install.log" >&2
		continue
	fi
	start "$peer" || continue
	restart=()
	case $peer in hibachi | artemis | broker-j) restart=(--restart "'$self' restart $peer") ;; esac
	echo "$peer ..."
	# 1 means that checks failed, which is what is to be found out.
	"$binary" conform --target "amqp://127.0.0.1:$(port "$peer")" --profile "$(profile "$peer")" "${restart[@]}" \
		--format json --out "$runs/$peer.json" >"$runs/$peer.log" 2>&1 || [ -s "$runs/$peer.json" ] || echo "peers.sh: no run of $peer" >&2
	# The report calls a run by its profile; two peers share one.
	[ ! -s "$runs/$peer.json" ] || sed -i "s/^\( *\"profile\": \)\"[^\"]*\"/\1\"$peer\"/" "$runs/$peer.json"
	(cd "$PEERS_HOME/$peer" && version "$peer") >"$runs/$peer.version"
	stop "$peer"
done

results=()
for peer in hibachi proton-c proton-cpp rabbitmq artemis broker-j; do
	[ -s "$runs/$peer.json" ] && results+=("$runs/$peer.json")
done
{
	cat "$here/reading.md"
	echo
	echo "Written by \`make conform-peers\` on $(date -u +%F), with:"
	echo
	for result in "${results[@]}"; do
		peer=$(basename "$result" .json)
		echo "* $peer $(cat "$runs/$peer.version")"
	done
	echo
	"$binary" conform compare "${results[@]}" --format markdown
} >docs/conformance-peers.md
echo "docs/conformance-peers.md"
