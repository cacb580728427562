//! `completions` and `man`: printed from the definitions of the flags, for packages to install.

use std::io::Write;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Failure;
use crate::cli::output::print;

/// The name of the program.
const NAME: &str = "cloakroom";

#[derive(clap::Args)]
pub(super) struct Completions {
    /// Shell to complete commands in.
    shell: Shell,
}

impl Completions {
    /// Prints the script for `command`.
    pub(super) fn run(self, mut command: Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, NAME, &mut script);
        print(&String::from_utf8_lossy(&script))?;
        Ok(())
    }
}

/// Prints the manual page: the options of the program, then a section for each of its commands.
pub(super) fn print_manual(mut command: Command) -> Result<(), Failure> {
    // Gives each command its full name and the global options.
    command.build();
    let page = manual(&command).map_err(|error| Failure::new(crate::cli::EXIT_FAILED, error))?;
    print(&page)?;
    Ok(())
}

fn manual(command: &Command) -> std::io::Result<String> {
    let mut page = Vec::new();
    let main = Man::new(command.clone());
    main.render_title(&mut page)?;
    main.render_name_section(&mut page)?;
    main.render_synopsis_section(&mut page)?;
    main.render_description_section(&mut page)?;
    main.render_options_section(&mut page)?;
    main.render_extra_section(&mut page)?;
    let mut all = Vec::new();
    collect(command, &mut all);
    for command in all {
        let name = command.get_bin_name().unwrap_or(command.get_name());
        writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
        let mut section = Vec::new();
        let own = Man::new(command.clone());
        own.render_synopsis_section(&mut section)?;
        own.render_description_section(&mut section)?;
        if command.get_arguments().next().is_some() {
            own.render_options_section(&mut section)?;
        }
        if command.get_after_help().is_some() {
            own.render_extra_section(&mut section)?;
        }
        let section = String::from_utf8_lossy(&section);
        for line in section.lines() {
            match line.strip_prefix(".SH ") {
                Some("EXTRA") => {}
                Some(heading) => writeln!(page, ".SS {heading}")?,
                // These define escapes, once at the top of the page.
                None if line.starts_with(".ie ") || line.starts_with(".el ") => {}
                None => writeln!(page, "{line}")?,
            }
        }
    }
    let page = String::from_utf8_lossy(&page);
    Ok(page.replace(".SH EXTRA", ".SH \"EXIT STATUS\""))
}

/// Lists the commands below `command`, each followed by its own.
fn collect<'a>(command: &'a Command, all: &mut Vec<&'a Command>) {
    let mut commands: Vec<_> = command.get_subcommands().collect();
    commands.sort_by_key(|command| command.get_display_order());
    for command in commands {
        // The help of commands has no manual.
        if command.get_name() == "help" {
            continue;
        }
        all.push(command);
        collect(command, all);
    }
}
