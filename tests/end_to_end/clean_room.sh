#!/bin/sh
# A clean clone in a fresh Debian 12, by an ordinary user: `make test`, `make demo`, and that a second run has nothing
# to install.
#
# The room has what the README asks for and nothing else: python3 with venv, gcc, make, git, and this machine's Rust
# toolchain, mounted read-only. A Debian is made once and kept below target/; the room is a copy of it. Needs root.
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
base="$here/target/debootstrap/bookworm"
room="$here/.clean-room"
packages=python3,python3-venv,gcc,libc6-dev,make,git,ca-certificates

say() { printf '==> %s\n' "$*"; }

[ "$(id -u)" = 0 ] || { echo 'clean_room.sh needs root, for debootstrap and chroot' >&2; exit 2; }
for tool in debootstrap git rustc; do
    command -v "$tool" >/dev/null || { echo "clean_room.sh needs $tool" >&2; exit 2; }
done
[ -z "$(git -C "$here" status --porcelain)" ] || say 'note: what is not committed is not in the clone'

if [ ! -d "$base" ]; then
    say 'a Debian 12, once'
    mkdir -p "$(dirname "$base")"
    rm -rf "$base.new"
    debootstrap --variant=minbase --include="$packages" bookworm "$base.new" >"$base.log" 2>&1 ||
        { tail -n 20 "$base.log" >&2; exit 1; }
    mv "$base.new" "$base"
fi

leave() {
    for place in proc dev/shm dev opt/rust; do
        if mountpoint -q "$room/$place"; then umount -l "$room/$place"; fi
    done
}
trap leave EXIT
trap 'exit 130' INT TERM

say 'the room'
leave
rm -rf --one-file-system "$room"
cp -a "$base" "$room"
mkdir -p "$room/opt/rust"
mount --bind "$(rustc --print sysroot)" "$room/opt/rust"
mount -o remount,bind,ro "$room/opt/rust"
mount -t proc proc "$room/proc"
mount --rbind /dev "$room/dev"
mount --make-rslave "$room/dev"
cp /etc/resolv.conf "$room/etc/resolv.conf"
cp /etc/hosts "$room/etc/hosts"
# Where this machine trusts authorities of its own, the room must too.
cp /etc/ssl/certs/ca-certificates.crt "$room/etc/ssl/certs/ca-certificates.crt"
chroot "$room" useradd --create-home builder
git clone --quiet --no-hardlinks "$here" "$room/home/builder/fastenv"
chroot "$room" chown -R builder:builder /home/builder

inside() {
    # shellcheck disable=SC2016 # expanded in the room
    chroot --userspec=builder:builder "$room" /usr/bin/env -i \
        HOME=/home/builder USER=builder LANG=C.UTF-8 TERM=dumb PATH=/opt/rust/bin:/usr/bin:/bin \
        SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
        ${http_proxy+"http_proxy=$http_proxy"} ${https_proxy+"https_proxy=$https_proxy"} \
        ${PIP_INDEX_URL+"PIP_INDEX_URL=$PIP_INDEX_URL"} \
        /bin/sh -c 'cd ~/fastenv && "$@"' sh "$@"
}

# timed LIMIT COMMAND...: at most so many seconds, or as many as it likes for 0.
timed() {
    limit=$1
    shift
    say "$*"
    started=$(date +%s)
    inside "$@"
    took=$(($(date +%s) - started))
    say "$*: $took s"
    if [ "$limit" -gt 0 ] && [ "$took" -ge "$limit" ]; then
        echo "$* took $limit s or more though all was there" >&2
        exit 1
    fi
}

timed 0 make test
# All that `make test` does before the tests themselves.
timed 60 make .venv/.stamps/dev
timed 0 make demo
timed 60 make demo
say 'the clean room passes'
