#!/usr/bin/env bash
# Installs what the foreign clients need (Debian's packages, npm, Maven) and runs them against bin/hibachi.
# Words given to it go to the driver: -only rhea,hono  -scene drain
set -euo pipefail
cd "$(dirname "$0")/../.."

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

missing=()
/usr/bin/python3 -c 'import proton' 2>/dev/null || missing+=(python3-qpid-proton)
[ -e /usr/include/proton/container.hpp ] || missing+=(libqpid-proton-cpp12-dev)
command -v g++ >/dev/null || missing+=(g++)
command -v node >/dev/null || missing+=(nodejs npm)
command -v mvn >/dev/null || missing+=(maven)
command -v java >/dev/null || missing+=(openjdk-17-jdk-headless)
if [ "${#missing[@]}" -gt 0 ]; then
  as_root apt-get update -q
  as_root apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

clients=conformance/interop/clients
[ -d "$clients/rhea/node_modules/rhea" ] || (cd "$clients/rhea" && npm install --no-audit --no-fund --no-package-lock --loglevel=error)
if [ ! -e "$clients/hono/target/interop-hono-1.jar" ] || [ "$clients/hono/src/main/java/interop/Client.java" -nt "$clients/hono/target/interop-hono-1.jar" ]; then
  mvn -q -B -f "$clients/hono/pom.xml" package dependency:copy-dependencies -DoutputDirectory=target/lib
fi

go build -o bin/hibachi ./cmd/hibachi
exec go run ./conformance/interop -binary bin/hibachi -clients "$clients" "$@"
