// SPDX-License-Identifier: GPL-2.0-only

//! What a command says: text for people, or one JSON document.
//!
//! A command makes its whole answer first and prints it once: as text, or, with `--json`, as a document whose first key
//! is its `schema`. The keys are in snake_case and carry their unit; `docs/remapctl.md` has them all.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufWriter, ErrorKind, Write},
    os::{
        fd::AsFd,
        unix::fs::{FileTypeExt, MetadataExt},
    },
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
            print(&harmless(&human(content)))
        }
    }

    /// The same, where the text has signs for the terminal of its own: what comes from elsewhere in it went through
    /// [`harmless`].
    pub fn picture<T: Serialize>(
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
            format!("remapctl: {}", in_a_line(text))
        };
        // Nobody is left to be told if this fails.
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// Says something on standard error that is not an answer, for people alone.
    pub fn remark(self, text: &str) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{}", harmless(text));
        }
    }
}

/// What a terminal would obey, made visible. Names, labels and models come from devices, and anybody may have written them.
pub fn harmless(text: &str) -> String {
    without(text, |c| is_obeyed(c) && c != '\n')
}

/// The same of what is one line, and stays one.
pub fn in_a_line(text: &str) -> String {
    without(text, is_obeyed)
}

/// Control characters, and those that turn the direction of what follows.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn without(text: &str, is: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
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
    if let Some(mut to) = standard(path) {
        return content(&mut to)
            .and_then(|()| to.flush())
            .with_context(name);
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

/// What is written to as it is, because it goes to the same file: `/dev/stdout` is a link, and what is moved to its place would
/// take it away from everybody.
fn standard(path: &Path) -> Option<Box<dyn Write>> {
    let meta = fs::metadata(path).ok()?;
    let same = |stream: std::io::Result<rustix::fs::Stat>| {
        stream.is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (meta.dev(), meta.ino()))
    };
    let of = |stream: rustix::fd::BorrowedFd<'_>| Ok(rustix::fs::fstat(stream)?);
    let (out, err) = (io::stdout(), io::stderr());
    if same(of(out.as_fd())) {
        return Some(Box::new(BufWriter::new(out)));
    }
    same(of(err.as_fd())).then(|| Box::new(BufWriter::new(err)) as Box<dyn Write>)
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
