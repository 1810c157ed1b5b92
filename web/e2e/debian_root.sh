#!/bin/bash
# debian_root.sh SUITE...  -- makes a minimal Debian of each suite, with systemd, for the tests of the packages (package_test.go).
# Each is a tar file in the directory DEBIAN_ROOTS, which later runs use again. What the packages depend on is downloaded there and
# not installed, so that the tests need no network. It takes root, debootstrap and a mirror of Debian, which is this machine's.
set -eu
script=$(readlink -f "$0")
mkdir -p "${DEBIAN_ROOTS:?}"
cd "$DEBIAN_ROOTS"

# This part runs in a mount namespace of its own. The system lies in memory, because dpkg flushes every file.
if [ "$1" = --make ]; then
  suite=$2 file=$3 root=/mnt
  mount -t tmpfs -o mode=755 tmpfs "$root"
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null | sed -n 1p)
  debootstrap --variant=minbase --include=systemd --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$suite" "$root" ${mirror:+"$mirror"}
  chroot "$root" apt-get install --yes --download-only nftables adduser
  tar -C "$root" --one-file-system -cf "$file.part" .
  mv "$file.part" "$file"
  exit
fi

version=$(sha256sum "$script" | cut -c1-12)
for suite; do
  file=$suite-$version.tar
  if ! [ -e "$file" ]; then
    rm -f "$suite"-*.tar
    echo "Making a Debian root: $suite"
    unshare --mount "$script" --make "$suite" "$file" >"$suite.log" 2>&1 || { tail -20 "$suite.log" >&2; exit 1; }
  fi
  ln -sf "$file" "$suite.tar"
done
