//! The data folder as settings name it.

use std::path::PathBuf;

use etcetera::BaseStrategy;

/// The word that stands for the platform's own folder.
const AUTO: &str = "auto";
/// The name of the folder in the platform's folder for data.
const NAME: &str = "cloakroom";

/// The folder that `--data` names: a path, or `auto` for the folder `cloakroom` where the platform keeps the data of the
/// user's programs.
///
/// | platform | `auto` |
/// |---|---|
/// | Linux, BSD | `$XDG_DATA_HOME/cloakroom`, by default `~/.local/share/cloakroom` |
/// | macOS | `~/Library/Application Support/cloakroom` |
/// | Windows | `%LOCALAPPDATA%\\cloakroom` |
///
/// # Errors
/// A message if `auto` cannot be found, because the user has no home folder.
pub fn data_folder(text: &str) -> Result<PathBuf, String> {
    if text != AUTO {
        return Ok(text.into());
    }
    let folders = etcetera::base_strategy::choose_native_strategy();
    let folders = folders.map_err(|_| {
        "\"auto\": this user has no home folder; give the path of a folder".to_owned()
    })?;
    // On Windows, the folder for data follows its user to other machines, which a database must not.
    let parent = if cfg!(windows) {
        folders.cache_dir()
    } else {
        folders.data_dir()
    };
    Ok(parent.join(NAME))
}
