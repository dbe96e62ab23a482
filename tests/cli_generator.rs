// SPDX-License-Identifier: GPL-2.0-only

//! What the generator gives to systemd, judged by systemd's own checker.

mod cli_lab;

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

use cli_lab::text;
use tempfile::TempDir;

/// A table, the generator as systemd finds it, and the folders that it gives it.
struct Root(TempDir);

impl Root {
    fn new(table: &str) -> Self {
        let root = Root(TempDir::new().expect("a folder"));
        for folder in ["etc", "normal", "early", "late"] {
            fs::create_dir_all(root.path().join(folder)).expect("a folder");
        }
        fs::write(root.path().join("etc/remaptab"), table).expect("a file");
        root.generator();
        root
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// As systemd finds it: a link of that name.
    fn generator(&self) {
        let link = self.path().join("remap-generator");
        symlink(env!("CARGO_BIN_EXE_remapctl"), link).expect("a link");
    }

    fn generate(&self, cmdline: &str, initrd: &str) -> Output {
        Command::new(self.path().join("remap-generator"))
            .args(["normal", "early", "late"].map(|folder| self.path().join(folder)))
            .env("REMAPTAB", self.path().join("etc/remaptab"))
            .env("SYSTEMD_PROC_CMDLINE", cmdline)
            .env("SYSTEMD_IN_INITRD", initrd)
            .output()
            .expect("it runs")
    }

    /// Files and links below the folder for units, in order.
    fn units(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().join("normal")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                match fs::symlink_metadata(&path).expect("it is there").is_dir() {
                    true => folders.push(path),
                    false => {
                        let below = path.strip_prefix(self.path().join("normal"));
                        found.push(below.expect("below it").display().to_string());
                    }
                }
            }
        }
        found.sort();
        found
    }

    fn read(&self, unit: &str) -> String {
        let file = self.path().join("normal").join(unit);
        fs::read_to_string(file).unwrap_or_else(|e| panic!("{unit}: {e}"))
    }

    /// What systemd's checker says of the units, beside its own ones. It wants the programs to be where they are called,
    /// so it gets the one that was built.
    fn judged(&self) -> (bool, String) {
        let mut of_ours = self.units();
        of_ours.retain(|unit| !unit.contains('/'));
        for unit in &of_ours {
            let text = self.read(unit);
            assert!(text.contains("=/usr/sbin/remapctl "), "{text}");
            let tool = concat!("=", env!("CARGO_BIN_EXE_remapctl"), " ");
            let text = text.replace("=/usr/sbin/remapctl ", tool);
            fs::write(self.path().join("normal").join(unit), text).expect("a file");
        }
        let run = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .args(of_ours.iter().map(|unit| format!("./{unit}")))
            .current_dir(self.path().join("normal"))
            .output()
            .expect("systemd-analyze can be run");
        (run.status.success(), text(&run.stderr).to_owned())
    }
}

/// The value of a key in a unit.
fn value<'a>(unit: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = unit.lines().filter_map(|line| line.split_once('='));
    lines.find(|(k, _)| *k == key).map(|(_, value)| value)
}

const TABLE: &str = "\
safe /dev/sda AREA=2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11
vg-a /dev/disk/by-id/ata-X_1 PARTUUID=ABCD-01 nofail,x-systemd.device-timeout=5s
root /dev/sdc /dev/sdc initramfs,spare-start=8
later PARTLABEL=a%b /dev/sdd noauto,scan=idle
@odd=#+.name /dev/sde /dev/sdf
";

#[test]
fn each_entry_has_a_unit_and_is_wanted() {
    let root = Root::new(TABLE);
    let run = root.generate("quiet", "0");
    assert_eq!(run.status.code(), Some(0));
    assert_eq!(
        (text(&run.stdout), text(&run.stderr)),
        ("", ""),
        "it is quiet"
    );
    let odd = "remap@\\x40odd\\x3d\\x23\\x2b.name.service";
    let mut expected = vec![
        "dev-disk-by\\x2did-ata\\x2dX_1.device.d/50-remap-device-timeout.conf".to_owned(),
        "dev-disk-by\\x2dpartuuid-abcd\\x2d01.device.d/50-remap-device-timeout.conf".to_owned(),
        "dev-mapper-vg\\x2da.device.wants/remap@vg\\x2da.service".to_owned(),
    ];
    for (name, auto) in [("safe", true), ("root", true), ("later", false)] {
        expected.push(format!(
            "dev-mapper-{name}.device.requires/remap@{name}.service"
        ));
        if auto {
            expected.push(format!("sysinit.target.wants/remap@{name}.service"));
        }
        expected.push(format!("remap@{name}.service"));
    }
    expected.push("sysinit.target.wants/remap@vg\\x2da.service".to_owned());
    expected.push("remap@vg\\x2da.service".to_owned());
    expected.push(format!(
        "dev-mapper-\\x40odd\\x3d\\x23\\x2b.name.device.requires/{odd}"
    ));
    expected.push(format!("sysinit.target.wants/{odd}"));
    expected.push(odd.to_owned());
    expected.sort();
    assert_eq!(root.units(), expected);
    for unit in root
        .units()
        .iter()
        .filter(|unit| unit.contains(".wants/") || unit.contains(".requires/"))
    {
        let target = fs::read_link(root.path().join("normal").join(unit)).expect("a link");
        let name = Path::new(unit).file_name().expect("a name");
        assert_eq!(target, Path::new("..").join(name), "{unit}");
    }
    let timeout = root.read("dev-disk-by\\x2did-ata\\x2dX_1.device.d/50-remap-device-timeout.conf");
    assert!(timeout.contains("\n[Unit]\nJobRunningTimeoutSec=5s\n"));
    let (well, said) = root.judged();
    assert!(well && said.is_empty(), "{said}");
}

#[test]
fn the_checker_sees_what_is_wrong_with_a_unit() {
    let root = Root::new(TABLE);
    root.generate("quiet", "0");
    let file = root.path().join("normal/remap@safe.service");
    let unit = root
        .read("remap@safe.service")
        .replace("BindsTo=", "BindingTo=");
    fs::write(file, unit).expect("a file");
    let (_, said) = root.judged();
    assert!(said.contains("Unknown key 'BindingTo'"), "{said}");
}

#[test]
fn the_order_at_boot_and_at_shutdown_is_in_the_units() {
    let root = Root::new(TABLE);
    root.generate("quiet", "0");
    let disks = "dev-sda.device dev-disk-by\\x2did-remap\\x2darea\\x2d2f1b9c1e\\x2d5f0e\\x2d4a53\\x2d9d1a\\x2d0c9b6d1f7a11.device";
    let safe = root.read("remap@safe.service");
    assert_eq!(value(&safe, "BindsTo"), Some(disks));
    assert!(value(&safe, "After").is_some_and(|after| after.starts_with(disks)));
    assert_eq!(
        value(&safe, "Before"),
        Some("blockdev@dev-mapper-safe.target local-fs-pre.target")
    );
    assert_eq!(value(&safe, "Wants"), value(&safe, "Before"));
    assert_eq!(value(&safe, "DefaultDependencies"), Some("no"));
    assert_eq!(value(&safe, "RemainAfterExit"), Some("yes"));
    // What waits in the device is drained first, and a bad disk takes its time.
    assert_eq!(value(&safe, "TimeoutSec"), Some("5min"));
    assert_eq!(
        value(&safe, "ExecStart"),
        Some("/usr/sbin/remapctl open safe")
    );
    assert_eq!(
        value(&safe, "ExecStop"),
        Some("/usr/sbin/remapctl close safe")
    );
    assert_eq!(value(&safe, "Conflicts"), Some("umount.target"));
    assert!(safe.contains("\nBefore=umount.target\n"));

    // The boot does not wait for what may be absent.
    let nofail = root.read("remap@vg\\x2da.service");
    assert_eq!(
        value(&nofail, "Before"),
        Some("blockdev@dev-mapper-vg\\x2da.target")
    );
    assert_eq!(
        value(&nofail, "ExecStop"),
        Some("/usr/sbin/remapctl close vg-a")
    );

    // What the root file system stands on stays, and is no unit of two disks if it is one.
    let of_root = root.read("remap@root.service");
    assert_eq!(value(&of_root, "BindsTo"), Some("dev-sdc.device"));
    assert_eq!(value(&of_root, "ExecStop"), None);
    assert!(!of_root.contains("umount.target"));
    assert_eq!(
        value(&of_root, "ConditionPathExists"),
        Some("!/dev/mapper/root")
    );
}

#[test]
fn nothing_fails_the_boot() {
    // A line that is wrong is told, and the others have their units.
    let root = Root::new("bad\nsafe /dev/sda /dev/sdb\n");
    let run = root.generate("quiet", "0");
    assert_eq!(run.status.code(), Some(0));
    let said = text(&run.stderr);
    assert!(
        said.starts_with("remap-generator: ") && said.contains("remaptab:1: MAIN"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1);
    assert!(root.units().contains(&"remap@safe.service".to_owned()));

    // No table, a table that is a folder, nowhere to write, a second time.
    fs::remove_file(root.path().join("etc/remaptab")).expect("it is there");
    let run = root.generate("quiet", "0");
    assert_eq!((run.status.code(), text(&run.stderr)), (Some(0), ""));
    fs::create_dir(root.path().join("etc/remaptab")).expect("a folder");
    let run = root.generate("quiet", "0");
    assert_eq!(run.status.code(), Some(0));
    assert!(text(&run.stderr).contains("cannot read"));
    let root = Root::new("safe /dev/sda /dev/sdb\n");
    fs::remove_dir(root.path().join("normal")).expect("it is empty");
    let run = root.generate("quiet", "0");
    assert_eq!(run.status.code(), Some(0));
    assert!(text(&run.stderr).contains("cannot write the unit of safe"));
}

#[test]
fn the_command_line_of_the_kernel_can_forbid_it() {
    for (cmdline, initrd, units) in [
        ("quiet remap=no ro", "0", false),
        ("remap=0", "1", false),
        ("rd.remap=no", "1", false),
        ("rd.remap=no", "0", true),
        ("xremap=no remap=yes", "0", true),
    ] {
        let root = Root::new("safe /dev/sda /dev/sdb\n");
        let run = root.generate(cmdline, initrd);
        assert_eq!(run.status.code(), Some(0));
        assert_eq!(!root.units().is_empty(), units, "{cmdline}");
    }
}
