#!/bin/busybox sh
# The emulated machine's first process: the host's root becomes its own, without writing to it, then the command runs.
# Arguments from the kernel's command line: lab.scratch (the host's directory of this run), lab.modules (of the kernel).
bb=/bin/busybox

die() {
  echo "lab: $*"
  $bb dmesg | $bb tail -n 20
  $bb reboot -f
}

argument() {
  $bb sed -n "s/.* $1=\([^ ]*\).*/\1/p" /proc/cmdline
}

$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs devtmpfs /dev
while read -r module; do
  $bb insmod "/modules/$module" || die "module $module"
done < /modules/order

$bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,ro,cache=loose host /lower || die 'no root from the host'
$bb mount -t tmpfs -o size=75% tmpfs /upper
$bb mkdir /upper/changes /upper/work
$bb mount -t overlay -o lowerdir=/lower,upperdir=/upper/changes,workdir=/upper/work overlay /root || die 'no overlay'

scratch=$(argument lab.scratch) modules=$(argument lab.modules)
for directory in proc sys dev; do
  $bb mkdir -p "/root/$directory"
  $bb mount --move "/$directory" "/root/$directory"
done
cd /root || die 'no root'
$bb mkdir -p run dev/pts dev/shm "lib/modules/${modules##*/}"
$bb mount -t tmpfs -o mode=755 tmpfs run
$bb mkdir -p run/lock run/lab/tmp
$bb mount -t devpts -o ptmxmode=666 devpts dev/pts
$bb mount -t tmpfs tmpfs dev/shm
[ -e dev/fd ] || $bb ln -s /proc/self/fd dev/fd
$bb mount -t debugfs debugfs sys/kernel/debug
$bb mount --bind "/lower$modules" "lib/modules/${modules##*/}"
$bb ip link set lo up
$bb hostname lab

for port in sys/class/virtio-ports/*; do
  $bb ln -s "/dev/${port##*/}" "run/lab/$($bb cat "$port/name")"
done
$bb cp /bin/busybox "/lower$scratch/command" run/lab
# Nothing is left to write to the host with, so nothing needs to be written back: the machine just stops.
$bb cat > run/lab/main << 'END'
bash /run/lab/command < /dev/null > /run/lab/output 2> /run/lab/error
echo $? > /run/lab/code
/run/lab/busybox reboot -f
END
exec $bb switch_root /root /run/lab/busybox sh /run/lab/main
