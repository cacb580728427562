//! Completion scripts and the manual page.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::harness::skipped;

/// Some of the commands, with a flag of each.
const COMMANDS: [(&str, &str); 6] = [
    ("serve", "idle-timeout"),
    ("run", "config"),
    ("submit", "callback-method"),
    ("jobs", "after"),
    ("token", "data"),
    ("completions", "color"),
];

fn cloakroom(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(arguments).output().expect("it runs")
}

fn printed(arguments: &[&str]) -> String {
    let output = cloakroom(arguments);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Runs a program with `input` on its standard input; `None` if it is not installed.
fn feed(program: &str, arguments: &[&str], input: &str) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads");
    Some(output)
}

#[test]
fn completion_scripts_know_commands_and_flags() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = printed(&["completions", shell]);
        for (command, flag) in COMMANDS {
            assert!(
                script.contains(command) && script.contains(flag),
                "{shell}: {command}"
            );
        }
        if matches!(shell, "bash" | "zsh" | "fish") {
            match feed(shell, &["-n"], &script) {
                Some(checked) => assert!(checked.status.success(), "{checked:?}"),
                None => skipped(&format!("{shell} is not installed")),
            }
        }
    }
    assert_eq!(cloakroom(&["completions", "cmd"]).status.code(), Some(2));
    assert_eq!(cloakroom(&["completions"]).status.code(), Some(2));
}

#[test]
fn bash_completes_a_command() {
    let script = printed(&["completions", "bash"]);
    let ask = format!(
        "{script}\nCOMP_WORDS=(cloakroom subm); COMP_CWORD=1; _cloakroom cloakroom subm cloakroom; echo \"${{COMPREPLY[@]}}\""
    );
    match feed("bash", &["--norc"], &ask) {
        Some(reply) => assert_eq!(reply.stdout, b"submit\n", "{reply:?}"),
        None => skipped("bash is not installed"),
    }
}

#[test]
fn manual_page_describes_every_command() {
    let page = printed(&["man"]);
    assert!(page.contains(".TH cloakroom 1"), "{page}");
    let help = printed(&["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let commands: Vec<_> = commands
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() > 15, "{help}");
    let mut at = 0;
    for command in commands {
        let heading = format!(".SH \"CLOAKROOM {}\"\n", command.to_uppercase());
        let found = page.find(&heading);
        assert!(
            found > Some(at),
            "{command} is missing or not in order: {page}"
        );
        at = found.unwrap_or_default();
    }
    for (_, flag) in COMMANDS {
        assert!(page.contains(&flag.replace('-', "\\-")), "{flag}");
    }
    assert!(
        page.contains("CLOAKROOM_LISTEN"),
        "the variables of `serve`"
    );
    match feed("groff", &["-man", "-Tutf8", "-ww", "-z"], &page) {
        Some(checked) => assert!(
            checked.status.success() && checked.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&checked.stderr)
        ),
        None => skipped("groff is not installed"),
    }
}
