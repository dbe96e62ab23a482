// SPDX-License-Identifier: GPL-2.0-only

//! Files for the boot: udev's rules by udev's own checker, and what the hooks put into an initramfs, in a root of our own.
//! That such an initramfs boots is seen in the Debian guest.

mod cli_lab;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{symlink, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use cli_lab::text;
use tempfile::TempDir;

fn system(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("system")
        .join(file)
}

#[test]
fn udev_takes_the_rules() {
    let run = Command::new("udevadm")
        .args(["verify", "--resolve-names=never"])
        .arg(system("udev/63-remap.rules"))
        .output()
        .expect("udevadm can be run");
    let said = text(&run.stdout).to_owned() + text(&run.stderr);
    assert!(run.status.success(), "{said}");
    assert!(!said.contains("63-remap.rules:"), "{said}");
}

#[test]
fn the_manual_of_the_table_is_well_formed_and_names_each_option() {
    let page = system("man/remaptab.5");
    let run = Command::new("mandoc")
        .args(["-Tlint", "-Wwarning"])
        .arg(&page)
        .output()
        .expect("mandoc can be run");
    let said = text(&run.stdout);
    assert!(run.status.success() && said.is_empty(), "{said}");
    let page = fs::read_to_string(page)
        .expect("it is there")
        .replace("\\-", "-");
    for word in [
        "spare-start",
        "read-only",
        "error-policy",
        "pending-writes",
        "no-auto-remap",
        "scan",
        "nofail",
        "noauto",
        "initramfs",
        "x-systemd.device-timeout",
        "AREA",
        "PARTUUID",
        "PARTLABEL",
    ] {
        assert!(page.contains(word), "{word}");
    }
}

/// A root in which the hooks run: the shells, the tools that they call, and remapctl, each with its libraries.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        let root = Root(TempDir::new().expect("a folder"));
        for folder in [
            "bin",
            "tmp",
            "proc/self",
            "sys/block",
            "sys/dev/block",
            "dev",
            "dest",
        ] {
            root.folder(folder);
        }
        for tool in ["bash", "cat", "cp", "grep", "mkdir", "ln"] {
            root.program(&format!("/usr/bin/{tool}"), &format!("bin/{tool}"));
        }
        // The shell of initramfs-tools is no bash.
        root.program("/usr/bin/dash", "bin/sh");
        root.program(env!("CARGO_BIN_EXE_remapctl"), "usr/sbin/remapctl");
        root.copy(
            &system("udev/63-remap.rules"),
            "usr/lib/udev/rules.d/63-remap.rules",
        );
        root.put("dev/null", "");
        root.script("bin/modinfo", "#!/bin/sh\n[ -e /module ]\n");
        root.put("module", "");
        root.put(
            "proc/self/mountinfo",
            "20 1 253:0 / / rw - ext4 /dev/root rw\n",
        );
        root
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn folder(&self, folder: &str) {
        fs::create_dir_all(self.path().join(folder)).expect("a folder");
    }

    fn put(&self, file: &str, content: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    fn script(&self, file: &str, content: &str) {
        self.put(file, content);
        let path = self.path().join(file);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    fn copy(&self, from: &Path, to: &str) {
        let to = self.path().join(to);
        fs::create_dir_all(to.parent().expect("it is in a folder")).expect("a folder");
        fs::copy(from, &to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    }

    /// A program and the libraries that it is linked with.
    fn program(&self, from: &str, to: &str) {
        self.copy(Path::new(from), to);
        let run = Command::new("ldd")
            .arg(from)
            .output()
            .expect("ldd can be run");
        let words = text(&run.stdout).split_whitespace();
        for library in words.filter(|word| word.starts_with('/')) {
            let to = library.trim_start_matches('/');
            if !self.path().join(to).exists() {
                self.copy(Path::new(library), to);
            }
        }
    }

    /// The device `name` is what the root file system lies on.
    fn root_on(&self, name: &str) {
        self.put("sys/block/dm-0/dm/name", &format!("{name}\n"));
        self.put(
            "sys/block/dm-0/remap/uuid",
            "2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11\n",
        );
        symlink("../../block/dm-0", self.path().join("sys/dev/block/253:0")).expect("a link");
    }

    fn run(&self, shell: &str, words: &[&str]) -> Output {
        Command::new("chroot")
            .arg(self.path())
            .arg(shell)
            .args(words)
            .env_clear()
            .env("PATH", "/usr/sbin:/bin")
            .env("DESTDIR", "/dest")
            .env("initdir", "/dest")
            .output()
            .expect("chroot can be run")
    }

    fn lines(&self, file: &str) -> BTreeSet<String> {
        let text = fs::read_to_string(self.path().join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn there(&self, file: &str) -> bool {
        fs::symlink_metadata(self.path().join(file)).is_ok()
    }
}

/// Whether a table of these words, with the root file system on the device `root`, if on any, has this in its initramfs.
struct Case {
    table: Option<&'static str>,
    root: Option<&'static str>,
    /// The table of the initramfs; `None`: nothing of ours is in it.
    gets: Option<&'static str>,
    opens: bool,
    warns: bool,
}

const CASES: &[Case] = &[
    Case {
        table: None,
        root: None,
        gets: None,
        opens: false,
        warns: false,
    },
    Case {
        table: Some("# nothing\n"),
        root: None,
        gets: None,
        opens: false,
        warns: false,
    },
    Case {
        table: Some("data /dev/a /dev/b scan=on\n"),
        root: None,
        gets: Some("data /dev/a /dev/b scan=on,noauto\n"),
        opens: false,
        warns: false,
    },
    Case {
        table: Some("data /dev/a /dev/b\nsystem /dev/c /dev/d\n"),
        root: Some("system"),
        gets: Some("data /dev/a /dev/b noauto\nsystem /dev/c /dev/d initramfs\n"),
        opens: true,
        warns: false,
    },
    Case {
        table: Some("data /dev/a /dev/b initramfs,read-only\nbad\n"),
        root: None,
        gets: Some("data /dev/a /dev/b read-only,initramfs\n"),
        opens: true,
        warns: true,
    },
    Case {
        table: Some("data /dev/a /dev/b\n"),
        root: Some("system"),
        gets: Some("data /dev/a /dev/b noauto\n"),
        opens: false,
        warns: true,
    },
];

fn prepared(case: &Case) -> Root {
    let root = Root::new();
    if let Some(table) = case.table {
        root.put("etc/remaptab", table);
    }
    if let Some(name) = case.root {
        root.root_on(name);
    }
    root
}

#[test]
fn the_hook_of_initramfs_tools_copies_what_is_needed() {
    for case in CASES {
        let root = prepared(case);
        root.put(
            "usr/share/initramfs-tools/hook-functions",
            "copy_exec() { echo \"exec $1\" >>/log; }\nmanual_add_modules() { echo \"module $1\" >>/log; }\n",
        );
        root.copy(&system("initramfs-tools/hooks/remap"), "hook");
        let run = root.run("/bin/sh", &["/hook", "prereqs"]);
        assert_eq!(text(&run.stdout), "udev dmsetup\n");
        let run = root.run("/bin/sh", &["/hook"]);
        let said = text(&run.stderr);
        assert!(run.status.success(), "{said}");
        assert_eq!(!said.is_empty(), case.warns, "{said}");
        let gets = fs::read_to_string(root.path().join("dest/etc/remaptab")).ok();
        assert_eq!(gets.as_deref(), case.gets);
        let mut copied = BTreeSet::new();
        if case.gets.is_some() {
            copied.insert("exec /usr/sbin/remapctl".to_owned());
        }
        if case.opens {
            copied.insert("exec /usr/sbin/dmsetup".to_owned());
            copied.insert("module dm_remap".to_owned());
        }
        assert_eq!(root.lines("log"), copied);
        let rules = "dest/usr/lib/udev/rules.d/63-remap.rules";
        assert_eq!(root.there(rules), case.gets.is_some());
    }
}

const NO_MODULE: &str = "the kernel 7.3 has no module dm_remap";

#[test]
fn an_initramfs_without_the_module_is_told() {
    for there in [true, false] {
        let root = prepared(&CASES[3]);
        if !there {
            fs::remove_file(root.path().join("module")).expect("it is there");
        }
        root.put(
            "usr/share/initramfs-tools/hook-functions",
            "copy_exec() { :; }\nmanual_add_modules() { :; }\nversion=7.3\n",
        );
        root.copy(&system("initramfs-tools/hooks/remap"), "hook");
        root.copy(&system("dracut/90remap/module-setup.sh"), "module-setup.sh");
        let by_dracut = "dwarn() { echo \"$@\" >&2; }; instmods() { :; }; kernel=7.3; . /module-setup.sh; installkernel";
        for run in [
            root.run("/bin/sh", &["/hook"]),
            root.run("/bin/bash", &["-c", by_dracut]),
        ] {
            let said = text(&run.stderr);
            assert!(run.status.success(), "{said}");
            assert_eq!(said.contains(NO_MODULE), !there, "{said}");
            assert_eq!(said.is_empty(), there, "{said}");
        }
    }
}

/// What init is told of the root file system, of `root=`.
#[test]
fn a_root_file_system_is_looked_for_by_the_links_of_udev() {
    let on_remap = "system /dev/c /dev/d initramfs\n";
    for (table, given, told) in [
        (
            on_remap,
            "UUID=0d6e-5e05",
            "ROOT='/dev/disk/by-uuid/0d6e-5e05'\n",
        ),
        (on_remap, "LABEL=root", "ROOT='/dev/disk/by-label/root'\n"),
        (on_remap, "/dev/mapper/system", ""),
        (on_remap, "LABEL=a'b", ""),
        ("data /dev/a /dev/b noauto\n", "UUID=0d6e-5e05", ""),
        ("", "UUID=0d6e-5e05", ""),
    ] {
        let root = Root::new();
        root.put("scripts/functions", "");
        root.put("etc/remaptab", table);
        root.folder("conf");
        root.copy(&system("initramfs-tools/scripts/local-top/remap"), "top");
        let run = root.run(
            "/bin/sh",
            &["-c", "ROOT=$0; export ROOT; /bin/sh /top", given],
        );
        assert!(run.status.success(), "{}", text(&run.stderr));
        let file = fs::read_to_string(root.path().join("conf/param.conf")).unwrap_or_default();
        assert_eq!(file, told, "{given} with {table:?}");
    }
}

#[test]
fn the_module_of_dracut_installs_what_is_needed() {
    let functions = "
        require_binaries() { :; }
        dwarn() { echo \"$@\" >&2; }
        instmods() { printf 'module %s\\n' \"$@\" >>/log; }
        inst_multiple() { printf 'exec %s\\n' \"$@\" >>/log; }
        inst_rules() { echo \"rules $1\" >>/log; }
        inst_hook() { echo \"hook $1 $3\" >>/log; }
        dracut_module_included() { [[ $systemd == \"$1\" ]]; }
        moddir=/module
        . /module-setup.sh
        check || exit 7
        depends >>/log; installkernel; install";
    for (case, systemd) in CASES.iter().flat_map(|case| [(case, true), (case, false)]) {
        let root = prepared(case);
        root.copy(&system("dracut/90remap/module-setup.sh"), "module-setup.sh");
        let systemd_word = if systemd {
            "systemd=systemd"
        } else {
            "systemd="
        };
        let run = root.run(
            "/bin/bash",
            &["-c", &format!("{systemd_word}\n{functions}")],
        );
        let said = text(&run.stderr);
        let Some(gets) = case.gets else {
            assert_eq!(run.status.code(), Some(7), "{said}");
            assert!(!root.there("dest/etc"));
            continue;
        };
        assert!(run.status.success(), "{said}");
        assert_eq!(!said.is_empty(), case.warns, "{said}");
        let table = fs::read_to_string(root.path().join("dest/etc/remaptab")).expect("a table");
        assert_eq!(table, gets);
        let log = root.lines("log");
        for line in [
            "exec /usr/sbin/remapctl",
            "exec dmsetup",
            "module dm_remap",
            "module dm_mod",
            "rules 63-remap.rules",
            "rootfs-block dm",
        ] {
            assert!(log.contains(line), "{line} in {log:?}");
        }
        let generator = root
            .path()
            .join("dest/usr/lib/systemd/system-generators/remap-generator");
        let hook = log.contains("hook initqueue/settled /module/remap-open.sh");
        assert_eq!(fs::read_link(generator).is_ok(), systemd);
        assert_eq!(hook, !systemd);
    }
}

#[test]
fn the_scripts_of_the_initramfs_open_what_is_marked_and_not_open() {
    let table = "data /dev/a /dev/b noauto\nsystem /dev/c /dev/d scan=on,initramfs\nopen /dev/e /dev/f initramfs\n\
                 absent /dev/g /dev/h initramfs\nbad /dev/i /dev/j initramfs\n";
    let block = "initramfs-tools/scripts/local-block/remap";
    for (file, words) in [
        (block, &["/script"][..]),
        ("dracut/90remap/remap-open.sh", &["/script"]),
    ] {
        let root = Root::new();
        root.put("etc/remaptab", table);
        root.put("dev/mapper/open", "");
        root.put("proc/cmdline", "quiet root=/dev/mapper/system");
        root.script("bin/modprobe", "#!/bin/sh\n");
        root.script(
            "usr/sbin/remapctl",
            "#!/bin/sh\necho \"$*\" >>/log\ncase $2 in\n\
             absent) echo 'remapctl: /dev/g: No such file or directory (os error 2)' >&2; exit 1 ;;\n\
             bad) echo 'remapctl: the spare area is damaged' >&2; exit 1 ;;\nesac\n",
        );
        root.copy(&system(file), "script");
        let run = root.run("/bin/sh", words);
        assert!(run.status.success(), "{file}: {}", text(&run.stderr));
        let opened = ["open absent", "open bad", "open system"].map(str::to_owned);
        assert_eq!(root.lines("log"), BTreeSet::from(opened), "{file}");
        assert_eq!(
            text(&run.stderr),
            "remap: remapctl: the spare area is damaged\n",
            "{file}"
        );
        // The kernel's command line forbids it.
        root.put("log", "");
        root.put("proc/cmdline", "quiet rd.remap=no");
        assert!(root.run("/bin/sh", words).status.success());
        assert!(root.lines("log").is_empty(), "{file}");
    }
}
