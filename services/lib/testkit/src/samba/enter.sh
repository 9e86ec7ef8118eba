# Changes root into a tree in namespaces of its own, and starts a program there.
#
#     unshare ... sh enter.sh TREE FOLDER PROGRAM ARGUMENT ...
#
# FOLDER is /home there. What the program writes anywhere else ends with it.
set -e
tree=$1 folder=$2
shift 2
mount --bind "$folder" "$tree/home"
mount --rbind /dev "$tree/dev"
mount -t proc proc "$tree/proc"
for place in etc run tmp var; do
    mount -t tmpfs tmpfs "$tree/$place"
done
mkdir -p "$tree/var/lib/samba/private" "$tree/var/cache/samba" "$tree/var/log/samba" "$tree/run/samba" "$tree/etc/samba"
for list in passwd group; do
    cp "$tree/usr/share/base-passwd/$list.master" "$tree/etc/$list"
done
exec chroot "$tree" "$@"
