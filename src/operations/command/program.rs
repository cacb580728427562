//! Finds the program of a command, for a warning before any job needs it.

use std::path::Path;

use crate::config::CommandSpec;

/// Why the program of a command cannot be started, if so: it is not on `PATH`, or is no executable file.
pub(crate) fn missing_program(spec: &CommandSpec) -> Option<String> {
    let program = spec.command.first()?;
    let path = Path::new(program);
    if path.components().count() > 1 {
        let message = || format!("{program:?} is not an executable file");
        return (!is_executable(path)).then(message);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&folders).any(|folder| is_executable(&folder.join(path)));
    (!is_there).then(|| format!("the program {program:?} is not on PATH"))
}

fn is_executable(path: &Path) -> bool {
    #[cfg(unix)]
    let may_run = rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    #[cfg(not(unix))]
    let may_run = path.exists() || path.with_extension("exe").exists();
    may_run && !path.is_dir()
}
