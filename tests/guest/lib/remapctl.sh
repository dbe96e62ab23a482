# SPDX-License-Identifier: GPL-2.0-only
#
# For tests of remapctl, which stands beside the test programs' folder.

REMAPCTL=${GUEST_TOOLS%/examples}/remapctl

remapctl() {
    "$REMAPCTL" "$@"
}

# ends WHAT CODE ARGUMENT...: remapctl has to end with CODE; what it says is left in $said.
ends() {
    local what=$1 code=$2 rc=0
    shift 2
    said=$(remapctl "$@" 2>&1) || rc=$?
    if ((rc != code)); then
        echo "$said"
        fail "$what: 'remapctl $*' ended with $rc, expected $code"
    fi
    echo "ok: $what"
}

# json ARGUMENT...: what remapctl answers, for value.
json() {
    remapctl --json "$@" >/tmp/answer.json
}

# value .KEY.INDEX.KEY: of the last answer.
value() {
    python3 - "$1" <<'END'
import json, sys
value = json.load(open("/tmp/answer.json"))
for key in sys.argv[1].strip(".").split("."):
    value = value[int(key)] if isinstance(value, list) else value[key]
print(value)
END
}
