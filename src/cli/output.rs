// SPDX-License-Identifier: GPL-2.0-only

//! What a command says: text for people, or one JSON document.
//!
//! A command makes its whole answer first and prints it once: as text, or, with `--json`, as a document whose first key
//! is its `schema`. The keys are in snake_case and carry their unit; `docs/remapctl.md` has them all.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

use anyhow::Result;
use serde::Serialize;

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
        let schema = format!("dm-remap/{command}/1");
        let document = Document { schema, content };
        print(&(serde_json::to_string_pretty(&document)? + "\n"))
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

/// Prints on standard output.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(NobodyReads.into()),
        Err(e) => Err(anyhow::Error::new(e).context("cannot print")),
    }
}
