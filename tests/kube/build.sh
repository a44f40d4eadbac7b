#!/bin/sh
# build.sh FOLDER: builds the programs that FOLDER/go.mod names as its tools, and prints where they are. They are kept in the user's
# cache folder, by what they are made from: only the first run takes minutes. Runs at the same time wait for each other.
# Exits with 3 where they cannot be had, and says why.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
module=$here/$1

cannot() {
    printf '%s\n' "$*" >&2
    exit 3
}
command -v go >/dev/null 2>&1 || cannot "there is no Go"
command -v flock >/dev/null 2>&1 || cannot "there is no flock"

key=$(cat "$module/go.mod" "$module/go.sum" "$here/build.sh" | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/clawbox-tests
out=$cache/$1-$(uname -m)-$key
mkdir -p "$cache"

# What is built into Kubernetes' programs says which version they are.
version=$(awk '$1 == "require" && $2 == "k8s.io/kubernetes" { print $3 }' "$module/go.mod")
stamp=k8s.io/component-base/version
flags="-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=$(printf '%s\n' "$version" | cut -d. -f2)"

exec 9>"$out.lock"
flock 9
if [ ! -e "$out/done" ]; then
    rm -rf "$out"
    mkdir -p "$out"
    # -mod=readonly: what is built is what go.sum says. -p 2: its compilers are large, and there is other work.
    (cd "$module" && GOFLAGS='' go build -p 2 -mod=readonly -buildvcs=false -trimpath -ldflags "${version:+$flags}" \
        -o "$out/" tool) >"$out.log" 2>&1 9>&- || {
        # Other bytes than go.sum says are not a thing that is missing.
        ! grep 'SECURITY ERROR' "$out.log" >&2 || exit 1
        cannot "the programs of $1 could not be built: $(tail -n 3 "$out.log" | tr '\n' ' ')"
    }
    : >"$out/done"
fi
printf '%s\n' "$out"
