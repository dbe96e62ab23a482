# SPDX-License-Identifier: GPL-2.0-only
#
# A terminal for a program that wants one. What stands on it at any time is in /tmp/screen.

# terminal COLUMNS LINES COMMAND...: begins it. types says what is typed; when the command has ended, /tmp/ended says its exit code,
# whether the settings of the terminal are "same" or "changed", which of its two screens is shown, and whether the cursor is.
terminal() {
    if ! mountpoint -q /dev/pts; then
        need mkdir -p /dev/pts
        need mount -t devpts devpts /dev/pts
        at_exit umount /dev/pts
    fi
    need rm -f /tmp/keys /tmp/screen /tmp/ended
    need mkfifo /tmp/keys
    at_exit no_terminal
    python3 - "$@" <<'END' &
import codecs, fcntl, os, re, select, signal, struct, subprocess, sys, termios

columns, lines = int(sys.argv[1]), int(sys.argv[2])
master, slave = os.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
before = termios.tcgetattr(slave)
keys = os.open("/tmp/keys", os.O_RDWR)
child = subprocess.Popen(sys.argv[3:], stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})

def end(*_):
    child.kill()
    child.wait()
    sys.exit(1)

signal.signal(signal.SIGTERM, end)
decoder = codecs.getincrementaldecoder("utf-8")()
screen, row, column, rest, modes = {}, 0, 0, "", {"1049": "l", "25": "h"}

def take(text):
    global row, column, rest
    rest += text
    while rest:
        if rest[0] == "\x1b":
            found = re.match(r"\x1b\[\??([0-9;]*)([A-Za-z])", rest)
            if not found:
                return
            words, end = found.groups()
            if end == "H":
                row, column = [int(word) - 1 for word in words.split(";")] if words else (0, 0)
            elif end == "J":
                screen.clear()
            elif end in "hl":
                modes[words] = end
            rest = rest[found.end():]
            continue
        if rest[0] == "\r":
            column = 0
        elif rest[0] == "\n":
            row += 1
        else:
            screen[row, column] = rest[0]
            column += 1
        rest = rest[1:]

def put(text, path):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)

while True:
    ready = select.select([master, keys], [], [], 0.05)[0]
    if keys in ready:
        os.write(master, os.read(keys, 100))
    if master in ready:
        take(decoder.decode(os.read(master, 65536)))
        shown = ("".join(screen.get((y, x), " ") for x in range(columns)).rstrip() for y in range(lines))
        put("\n".join(shown) + "\n", "/tmp/screen")
    elif child.poll() is not None:
        break
settings = "same" if termios.tcgetattr(slave) == before else "changed"
which = "alternate" if modes["1049"] == "h" else "main"
put(f"{child.returncode} {settings} {which} {'cursor' if modes['25'] == 'h' else 'hidden'}\n", "/tmp/ended")
END
    TERMINAL=$!
}

no_terminal() {
    if [[ $TERMINAL ]]; then kill "$TERMINAL" 2>/dev/null; fi
    wait
    TERMINAL=
}

# types KEYS: as printf's %b has them.
types() {
    printf '%b' "$1" >/tmp/keys
}

# sees WHAT PATTERN: it comes to stand on the terminal, as a basic regular expression within a line.
sees() {
    local limit=$((SECONDS + 60))
    until grep -q -- "$2" /tmp/screen 2>/dev/null; do
        if ((SECONDS > limit)); then
            cat /tmp/screen
            fail "$1: no '$2' on the terminal"
        fi
        sleep 0.05
    done
    echo "ok: $1"
}
