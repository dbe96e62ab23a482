// SPDX-License-Identifier: GPL-2.0-only

//! The generator: systemd's units for the entries of `/etc/remaptab`.
//!
//! systemd calls `/usr/lib/systemd/system-generators/remap-generator`, a link to `remapctl`, before it starts anything, and at
//! each reload. Nothing here fails the boot: what is wrong is a line in the kernel log, and the rest is done.

use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use crate::{device::source::Source, exit::Exit};

use super::{
    entry::{place, Entry, Table},
    names, needed,
};

/// The name under which it is called.
const NAME: &str = "remap-generator";

/// Writes systemd's units for the entries of /etc/remaptab.
#[derive(clap::Args)]
pub struct Args {
    /// The folder for units
    #[arg(value_name = "NORMAL")]
    normal: PathBuf,
    /// Folders that systemd gives, and that stay empty
    #[arg(value_name = "EARLY LATE")]
    others: Vec<PathBuf>,
}

/// The arguments that the program was called with, for those who call it by the name of the generator.
pub fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = given.collect();
    let own = arguments.first().map(Path::new);
    if own
        .and_then(Path::file_name)
        .is_some_and(|name| name == NAME)
    {
        arguments.insert(1, "generator".into());
    }
    arguments
}

pub fn run(args: &Args, source: &dyn Source) -> Exit {
    if disabled() {
        return Exit::Fine;
    }
    let path = place();
    let table = match Table::read(&path) {
        Ok(table) => table,
        Err(e) => {
            say(&format!("cannot read {}: {e}", path.display()));
            return Exit::Fine;
        }
    };
    for wrong in &table.wrong {
        say(&format!(
            "{}:{}: {}",
            path.display(),
            wrong.line,
            wrong.text
        ));
    }
    if table.entries.is_empty() {
        return Exit::Fine;
    }
    let by_root = needed::by_root(source).mapped;
    for mut entry in table.entries {
        entry.initramfs |= by_root.contains(&entry.name);
        let unit = Unit {
            entry: &entry,
            table: &path,
        };
        if let Err(e) = unit.write(&args.normal) {
            say(&format!("cannot write the unit of {}: {e}", entry.name));
        }
    }
    Exit::Fine
}

/// Whether the kernel's command line says that nothing is to be opened: `remap=no`, and in an initramfs `rd.remap=no`.
fn disabled() -> bool {
    let line = env::var("SYSTEMD_PROC_CMDLINE")
        .or_else(|_| fs::read_to_string("/proc/cmdline"))
        .unwrap_or_default();
    let in_initrd = match env::var("SYSTEMD_IN_INITRD") {
        Ok(said) => said == "1",
        Err(_) => Path::new("/etc/initrd-release").exists(),
    };
    let off = |value: &str| matches!(value, "no" | "0" | "off" | "false");
    line.split_whitespace()
        .filter_map(|word| word.split_once('='))
        .any(|(key, value)| {
            let ours = key == "remap" || (in_initrd && key == "rd.remap");
            ours && off(value)
        })
}

/// Nobody reads what a generator prints; systemd wants it in the kernel log.
fn say(text: &str) {
    let line = format!("{NAME}: {text}");
    let by_systemd = env::var_os("SYSTEMD_SCOPE").is_some();
    if !by_systemd || fs::write("/dev/kmsg", format!("<4>{line}\n")).is_err() {
        let _ = io::Write::write_all(&mut io::stderr(), format!("{line}\n").as_bytes());
    }
}

/// The unit of an entry.
struct Unit<'a> {
    entry: &'a Entry,
    table: &'a Path,
}

impl Unit<'_> {
    fn write(&self, folder: &Path) -> io::Result<()> {
        let name = names::escaped(&self.entry.name);
        let unit = format!("remap@{name}.service");
        fs::write(folder.join(&unit), self.text())?;
        let device = format!("dev-mapper-{name}.device");
        // Who wants the device gets it opened, whatever is said of the boot.
        let by_device = match self.entry.nofail {
            true => "wants",
            false => "requires",
        };
        link(folder, &format!("{device}.{by_device}"), &unit)?;
        if !self.entry.noauto {
            link(folder, "sysinit.target.wants", &unit)?;
        }
        if let Some(time) = &self.entry.device_timeout {
            for disk in self.disks() {
                let folder = folder.join(format!("{disk}.d"));
                fs::create_dir_all(&folder)?;
                let text = format!("{}[Unit]\nJobRunningTimeoutSec={time}\n", self.head());
                fs::write(folder.join("50-remap-device-timeout.conf"), text)?;
            }
        }
        Ok(())
    }

    /// The units of what it stands on.
    fn disks(&self) -> Vec<String> {
        let paths = [self.entry.main.path(), self.entry.spare.path()];
        let mut disks = paths
            .map(|path| format!("{}.device", names::escaped_path(&path)))
            .to_vec();
        disks.dedup();
        disks
    }

    fn head(&self) -> String {
        format!(
            "# Made by {NAME} from line {} of {}\n",
            self.entry.line,
            self.table.display()
        )
    }

    fn text(&self) -> String {
        let name = &self.entry.name;
        let ready = format!("blockdev@dev-mapper-{}.target", names::escaped(name));
        let disks = self.disks().join(" ");
        // Local file systems wait for it, and are unmounted before it is closed: by whatever name fstab has it. One that may
        // be absent is not waited for.
        let (before, wants) = match self.entry.nofail {
            true => (String::new(), String::new()),
            false => (
                " local-fs-pre.target".to_owned(),
                " local-fs-pre.target".to_owned(),
            ),
        };
        // What the root file system stands on stays open: systemd-shutdown, or the initramfs that it returns to, sees to it.
        let (at_end, close) = match self.entry.initramfs {
            true => (String::new(), String::new()),
            false => (
                "Conflicts=umount.target\nBefore=umount.target\n".to_owned(),
                format!("ExecStop=/usr/sbin/remapctl close {name}\n"),
            ),
        };
        format!(
            "{head}\
            [Unit]\n\
            Description=Remap device {name}\n\
            Documentation=man:remaptab(5) man:remapctl-open(8)\n\
            SourcePath={table}\n\
            DefaultDependencies=no\n\
            IgnoreOnIsolate=yes\n\
            ConditionPathExists=!/dev/mapper/{name}\n\
            BindsTo={disks}\n\
            After={disks} systemd-modules-load.service\n\
            Before={ready}{before}\n\
            Wants={ready}{wants}\n\
            {at_end}\
            \n\
            [Service]\n\
            Type=oneshot\n\
            RemainAfterExit=yes\n\
            TimeoutSec=5min\n\
            ExecStart=/usr/sbin/remapctl open {name}\n\
            {close}",
            head = self.head(),
            table = self.table.display(),
        )
    }
}

fn link(folder: &Path, below: &str, unit: &str) -> io::Result<()> {
    let folder = folder.join(below);
    fs::create_dir_all(&folder)?;
    symlink(format!("../{unit}"), folder.join(unit))
}
