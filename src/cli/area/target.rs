// SPDX-License-Identifier: GPL-2.0-only

//! Where a new area goes: to a device or a file that is there, or to a file that is made. It becomes an area whole, or
//! not at all.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{ensure, Context, Result};
use dm_remap_core::layout::Layout;
use tempfile::TempPath;

use super::{
    build::may_make,
    file::{Access, AreaFile},
};

/// Where a new area goes.
pub(crate) struct Target {
    area: AreaFile,
    /// A file that has another name until it is whole.
    new: Option<(TempPath, PathBuf)>,
    replacing: bool,
}

impl Target {
    /// Opens what is there, if it may be written over; a file that is not there is begun.
    pub(crate) fn open(
        path: &Path,
        offset: u64,
        layout: &Layout,
        replace: Option<[u8; 16]>,
    ) -> Result<Target> {
        let len = layout.len().0;
        if path.exists() {
            let mut area = AreaFile::open(path, offset, Some(len), Access::Write)?;
            let may = may_make(&mut area, layout, replace);
            may.with_context(|| format!("{} is left as it is", path.display()))?;
            let replacing = replace.is_some();
            return Ok(Target {
                area,
                new: None,
                replacing,
            });
        }
        ensure!(
            replace.is_none(),
            "{} does not exist: there is nothing to replace",
            path.display()
        );
        let (file, aside) = aside(path)?;
        Ok(Target {
            area: AreaFile::of_new(file, path, offset, len)?,
            new: Some((aside, path.to_owned())),
            replacing: false,
        })
    }

    /// What is read must not be written.
    pub(crate) fn refuse_overlap(&self, from: &AreaFile) -> Result<()> {
        ensure!(
            !self.area.overlaps(from)?,
            "the new area lies over the one that it is made from, which is never written"
        );
        Ok(())
    }

    /// Lets `work` make the area. If that fails, nothing of it stays.
    ///
    /// `work` is told whether an area lies there that has to be wiped before.
    pub(crate) fn fill(
        mut self,
        work: impl FnOnce(&mut AreaFile, bool) -> Result<()>,
    ) -> Result<()> {
        let done = work(&mut self.area, self.replacing);
        match (done, self.new) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some((aside, path))) => aside
                .persist_noclobber(&path)
                .map_err(|e| e.error)
                .and_then(|()| settle(&path))
                .with_context(|| format!("cannot write {}", path.display())),
            // The file goes with its name.
            (Err(e), Some(_)) => Err(e),
            (Err(e), None) if self.area.is_untouched() => Err(e),
            (Err(e), None) => Err(match self.area.undo() {
                Ok(()) if self.replacing => e.context(
                    "nothing was made, what was written is zeros again, and the area that was to be replaced is gone",
                ),
                Ok(()) => e.context("nothing was made, and what was written is zeros again"),
                Err(undo) => e.context(format!(
                    "what was written could not be made zeros again ({undo})"
                )),
            }),
        }
    }
}

/// A file beside `path`, which takes its place when it is whole.
pub(crate) fn aside(path: &Path) -> Result<(File, TempPath)> {
    let file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder(path));
    let file = file.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file.into_parts())
}

/// A name that a file was given outlives a power cut only with its folder.
pub(crate) fn settle(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
