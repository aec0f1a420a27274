#!/bin/sh
# Packs what `deno task compile all` made into dist/release: an archive for each target (laid out
# so that a .deb or .rpm can be made of it), Debian packages, the list of parts, checksums.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^export const VERSION = "\(.*\)";$/\1/p' gateway/version.ts)
rm -rf dist/release
mkdir -p dist/release

for binary in dist/*/natsgate dist/*/natsgate.exe; do
  [ -f "$binary" ] || continue
  target=$(basename "$(dirname "$binary")")
  name=natsgate-$version-$target
  mkdir "dist/release/$name"
  cp "$binary" config.toml LICENSE README.md CHANGELOG.md "dist/release/$name/"
  case $target in
    *linux*)
      deno run -A main.ts service systemd > "dist/release/$name/natsgate.service"
      deno run -A main.ts man > "dist/release/$name/natsgate.1"
      for shell in bash zsh fish; do
        deno run -A main.ts completion $shell > "dist/release/$name/completion.$shell"
      done
      ;;
  esac
  tar -C dist/release --owner=0 --group=0 -czf "dist/release/$name.tar.gz" "$name"
  rm -r "dist/release/$name"
  case $target in
    x86_64-unknown-linux-gnu) deno task --quiet deb "$binary" amd64 ;;
    aarch64-unknown-linux-gnu) deno task --quiet deb "$binary" arm64 ;;
  esac
done
mv dist/*.deb dist/release/
deno task --quiet sbom > "dist/release/natsgate-$version.cdx.json"
cd dist/release
sha256sum -- * > SHA256SUMS
