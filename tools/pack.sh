#!/bin/sh
# Packs what `deno task compile all` made into dist/release: an archive for each target (laid out
# so that a .deb or .rpm can be made of it), Debian packages, the list of parts, checksums.
# `tools/pack.sh DIR` does so with DIR in place of dist.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
dist=${1:-$here/dist}
cd "$here"
version=$(sed -n 's/^export const VERSION = "\(.*\)";$/\1/p' gateway/version.ts)
out=$dist/release
rm -rf "$out"
mkdir -p "$out"

for binary in "$dist"/*/natsgate "$dist"/*/natsgate.exe; do
  [ -f "$binary" ] || continue
  target=$(basename "$(dirname "$binary")")
  name=natsgate-$version-$target
  mkdir "$out/$name"
  cp "$binary" config.toml LICENSE README.md CHANGELOG.md "$out/$name/"
  cp -R docs "$out/$name/"
  case $target in
    *linux*)
      deno run -A main.ts service systemd > "$out/$name/natsgate.service"
      deno run -A main.ts service openrc > "$out/$name/natsgate.openrc"
      deno run -A main.ts man > "$out/$name/natsgate.1"
      for shell in bash zsh fish; do
        deno run -A main.ts completion $shell > "$out/$name/completion.$shell"
      done
      ;;
  esac
  tar -C "$out" --owner=0 --group=0 --numeric-owner -czf "$out/$name.tar.gz" "$name"
  rm -r "${out:?}/$name"
  case $target in
    x86_64-unknown-linux-gnu) deno task --quiet deb "$binary" amd64 "$out" ;;
    aarch64-unknown-linux-gnu) deno task --quiet deb "$binary" arm64 "$out" ;;
  esac
done
deno task --quiet sbom > "$out/natsgate-$version.cdx.json"
cd "$out"
sha256sum -- * > SHA256SUMS
