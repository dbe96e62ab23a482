// SPDX-License-Identifier: GPL-2.0-only

//! Other programs that are called: with arguments, never through a shell.

use std::{
    env,
    ffi::OsString,
    io::ErrorKind,
    os::unix::process::CommandExt,
    process::{Command, Output, Stdio},
};

use anyhow::{bail, Context, Result};

/// Where system programs are, which `su` leaves out of the path.
const SYSTEM: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// Runs a program of the package `package`, and waits for its end.
///
/// Ctrl-C goes to all processes in front of the terminal. This one is not among them, so it comes to its own end: what is
/// begun is done, and who asked for the end is told by the flag of [`crate::interrupt`], not by a program that was killed.
pub fn run(program: &str, package: &str, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(program);
    environment(&mut command);
    let output = command
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::null())
        .output();
    match output {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            bail!("{program} is not there: install the package {package}")
        }
        output => output.with_context(|| format!("cannot run {program}")),
    }
}

/// Lets a program be found where system programs are, too, and speak the language that is read here.
pub fn environment(command: &mut Command) {
    let mut path = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    path.push(":");
    path.push(SYSTEM);
    command.env("PATH", path).env("LC_ALL", "C");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_a_group_of_its_own() {
        let script = "read -r pid name state parent group rest </proc/$$/stat; echo $pid $group";
        let run = run("sh", "dash", &["-c", script]).expect("there is a shell");
        let said = String::from_utf8(run.stdout).expect("numbers");
        let words: Vec<&str> = said.split_whitespace().collect();
        assert_eq!(words.len(), 2, "{said}");
        assert_eq!(words[0], words[1]);
    }
}
