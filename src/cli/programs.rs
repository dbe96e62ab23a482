// SPDX-License-Identifier: GPL-2.0-only

//! Other programs that are called: with arguments, never through a shell.

use std::{
    env,
    ffi::OsString,
    io::ErrorKind,
    process::{Command, Output, Stdio},
};

use anyhow::{bail, Context, Result};

/// Where system programs are, which `su` leaves out of the path.
const SYSTEM: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// Runs a program of the package `package`, and waits for its end.
pub fn run(program: &str, package: &str, arguments: &[&str]) -> Result<Output> {
    let mut path = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    path.push(":");
    path.push(SYSTEM);
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    match output {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            bail!("{program} is not there: install the package {package}")
        }
        output => output.with_context(|| format!("cannot run {program}")),
    }
}
