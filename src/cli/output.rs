// SPDX-License-Identifier: GPL-2.0-only

//! What a command says: text for people, or one JSON document.
//!
//! A command makes its whole answer first and prints it once: as text, or, with `--json`, as a document whose first key
//! is its `schema`. The keys are in snake_case and carry their unit; `docs/remapctl.md` has them all.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufWriter, ErrorKind, Write},
    os::unix::fs::FileTypeExt,
    path::Path,
};

use anyhow::{bail, Context, Result};
use serde::Serialize;

use crate::area::target::{aside, settle};

/// How a command answers.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// In JSON.
    pub json: bool,
}

/// Nobody reads what is printed any more (`| head`): a quiet end, and no error.
#[derive(Debug)]
pub struct NobodyReads;

impl fmt::Display for NobodyReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads what is printed")
    }
}

impl std::error::Error for NobodyReads {}

/// A document: what it is, and what it says.
#[derive(Serialize)]
struct Document<'a, T> {
    schema: String,
    #[serde(flatten)]
    content: &'a T,
}

impl Output {
    /// Gives the answer of `command`: `content` as JSON, or else the text that `human` makes of it.
    pub fn answer<T: Serialize>(
        self,
        command: &str,
        content: &T,
        human: impl FnOnce(&T) -> String,
    ) -> Result<()> {
        if self.json {
            self.document(command, content)
        } else {
            print(&human(content))
        }
    }

    /// Prints a document of `command`, whatever was asked for.
    pub fn document<T: Serialize>(self, command: &str, content: &T) -> Result<()> {
        print(&document_text(command, content)?)
    }

    /// Says on standard error what went wrong, in one line.
    pub fn complain(self, text: &str) {
        let line = if self.json {
            serde_json::json!({ "error": text }).to_string()
        } else {
            format!("remapctl: {text}")
        };
        // Nobody is left to be told if this fails.
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// Says something on standard error that is not an answer, for people alone.
    pub fn remark(self, text: &str) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// A document of `command`.
pub fn document_text<T: Serialize>(command: &str, content: &T) -> Result<String> {
    let schema = format!("dm-remap/{command}/1");
    let document = Document { schema, content };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Writes a file aside and moves it to its place when it is whole.
pub fn save(path: &Path, content: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let name = || format!("cannot write {}", path.display());
    if fs::metadata(path).is_ok_and(|meta| meta.file_type().is_block_device()) {
        bail!("{} is a block device: this goes to a file", path.display());
    }
    if path.exists() && !path.is_file() {
        // A pipe or a terminal has no name to be moved to.
        let file = File::options().write(true).open(path).with_context(name)?;
        let mut to = BufWriter::new(file);
        return content(&mut to)
            .and_then(|()| to.flush())
            .with_context(name);
    }
    let (file, aside) = aside(path)?;
    let mut to = BufWriter::new(file);
    content(&mut to)
        .and_then(|()| to.flush())
        .with_context(name)?;
    to.get_ref().sync_all().with_context(name)?;
    let named = aside.persist(path).map_err(|e| e.error);
    named.and_then(|()| settle(path)).with_context(name)
}

/// Prints on standard output.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(NobodyReads.into()),
        Err(e) => Err(anyhow::Error::new(e).context("cannot print")),
    }
}
