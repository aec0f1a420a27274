#!/bin/sh
# Makes what the tests in this folder boot: the disk of a small Debian with systemd and Docker, its
# kernel, and the two base images of the Dockerfile. `image.sh DIR` writes them to DIR, once.
# Needs debootstrap and e2fsprogs, root, and a mirror.
#
# No registry of images is asked. `debian.tar` and `distroless.tar` hold those packages of Debian
# that a build with our Dockerfile, and a program linked against glibc, find in the real ones.
set -eu
out=$1
here=$(cd "$(dirname "$0")" && pwd)
made_by=$(cat "$here/image.sh" "$here/agent.sh" | sha256sum)
if [ -f "$out/made-by" ] && [ "$(cat "$out/made-by")" = "$made_by" ]; then
  exit 0
fi
rm -rf "$out"
mkdir -p "$out"
root=$out/root
case $(dpkg --print-architecture) in
  amd64) kernel=linux-image-cloud-amd64 ;;
  arm64) kernel=linux-image-cloud-arm64 ;;
  *) echo "no kernel is known for this machine" >&2; exit 1 ;;
esac
debootstrap --variant=minbase \
  --include="$kernel,systemd-sysv,dbus,udev,kmod,iproute2,iptables,procps,ca-certificates,mosquitto-clients,docker.io" \
  bookworm "$root" "${MIRROR:-http://deb.debian.org/debian}"

# Unpacks packages of the disk into the root of an image, and packs that.
image() {
  name=$1
  shift
  mkdir "$out/$name"
  for package; do
    dpkg-deb --extract "$root"/var/cache/apt/archives/"$package"_*.deb "$out/$name"
  done
  mkdir -p "$out/$name/tmp" "$out/$name/etc" "$out/$name/root"
  chmod 1777 "$out/$name/tmp"
  echo 'root:x:0:0:root:/root:/sbin/nologin' > "$out/$name/etc/passwd"
  echo 'root:x:0:' > "$out/$name/etc/group"
}
pack() {
  tar -C "$out/$1" --owner=0 --group=0 --numeric-owner -cf "$out/$1.tar" .
  rm -r "${out:?}/$1"
}
image debian base-files dash coreutils libc6 libselinux1 libacl1 libattr1 libgmp10 libpcre2-8-0
ln -sf dash "$out/debian/bin/sh"
pack debian
image distroless base-files libc6 libgcc-s1 libstdc++6 ca-certificates tzdata
echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >> "$out/distroless/etc/passwd"
echo 'nonroot:x:65532:' >> "$out/distroless/etc/group"
mkdir -p "$out/distroless/home/nonroot"
pack distroless

install -m 755 "$here/agent.sh" "$root/usr/local/sbin/test-agent"
cat > "$root/etc/systemd/system/test-agent.service" <<'END'
[Unit]
Description=What the tests say is done here
After=dbus.service systemd-journald.service
[Service]
ExecStart=/usr/local/sbin/test-agent
Restart=always
KillMode=process
[Install]
WantedBy=multi-user.target
END
ln -s ../test-agent.service "$root/etc/systemd/system/multi-user.target.wants/"
echo 'LABEL=payload /media ext4 ro,nofail 0 0' >> "$root/etc/fstab"
echo natsgate-test > "$root/etc/hostname"
# What a machine without a network, and for one test, does not need to wait for.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer \
  e2scrub_all.timer getty.target docker.service docker.socket containerd.service; do
  rm -f "$root"/etc/systemd/system/*.wants/"$unit"
done
rm -f "$root"/var/cache/apt/archives/*.deb
mv "$root"/boot/vmlinuz-* "$out/vmlinuz"
mv "$root"/boot/initrd.img-* "$out/initrd"
mke2fs -q -t ext4 -d "$root" "$out/disk.img" 3G
rm -r "$root"
echo "$made_by" > "$out/made-by"
