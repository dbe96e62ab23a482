// SPDX-License-Identifier: GPL-2.0-only

//! How a command ends: the exit codes, and what help says of them.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// It did what was asked, and found nothing wrong.
    Fine,
    /// It did what was asked, and what it looked at is not well.
    Unwell,
    /// It could not do what was asked.
    Failed,
    /// The command line is wrong.
    Usage,
    /// Somebody pressed Ctrl-C; nothing was left half done.
    Interrupted,
}

impl Exit {
    /// [`Exit::Unwell`] if something is not well.
    pub const fn well(well: bool) -> Self {
        if well {
            Exit::Fine
        } else {
            Exit::Unwell
        }
    }

    /// The number, as a shell sees it.
    pub const fn number(self) -> u8 {
        match self {
            Exit::Fine => 0,
            // thin_check and its kin have one number for both as well.
            Exit::Unwell | Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.number())
    }
}

/// What the help of a command says that looks at something.
pub const OF_LOOKING: &str = "Exit codes:
  0    nothing is wrong
  1    something is wrong, or could not be looked at
  2    the command line is wrong
  130  interrupted";

/// What the help of a command says that does something.
pub const OF_DOING: &str = "Exit codes:
  0    done
  1    not done; nothing was left half done
  2    the command line is wrong
  130  interrupted";

/// What the help of the tool says.
pub const OF_ALL: &str = "Exit codes:
  0    done; of commands that look: nothing is wrong
  1    not done; of commands that look: something is wrong, or could not be looked at
  2    the command line is wrong
  3    simulate: something was not reached
  130  interrupted; nothing was left half done";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_in_the_help() {
        let all = [
            Exit::Fine,
            Exit::Unwell,
            Exit::Failed,
            Exit::Usage,
            Exit::Interrupted,
        ];
        for help in [OF_LOOKING, OF_DOING, OF_ALL] {
            for exit in all {
                let line = format!("\n  {:<3}  ", exit.number());
                assert!(help.contains(&line), "{exit:?} in {help}");
            }
        }
    }
}
