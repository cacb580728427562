//! Benchmarks: times relative to another program on the same documents, and growth when documents double in size.
//!
//! `cargo bench --bench xml -- FOLDER` compares `a.xml` with `b.xml` in each subfolder. If the program `tdm` (crate
//! `xml-3dm-cli`) is on the path or named by `TDM`, it runs on the same documents and the table shows the ratio of the
//! times.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xml_delta::{self as xml, CompareOptions, MatchOptions, Whitespace};

/// Each measurement is the best of this many runs.
const RUNS: usize = 3;

fn main() {
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    if let Some(folder) = folder {
        pairs(Path::new(&folder));
    }
    shapes();
}

fn best(mut run: impl FnMut()) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..RUNS).map(timed).min().expect("there are runs")
}

/// Compares real documents.
fn pairs(folder: &Path) {
    let tdm = std::env::var_os("TDM").unwrap_or_else(|| "tdm".into());
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder of folders")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    println!(
        "{:<28} {:>9} {:>9} {:>9} {:>6} {:>6}",
        "documents", "bytes", "ours", "tdm", "time", "size"
    );
    for pair in folders {
        let (a, b) = (pair.join("a.xml"), pair.join("b.xml"));
        let (Ok(a_bytes), Ok(b_bytes)) = (std::fs::read(&a), std::fs::read(&b)) else {
            continue;
        };
        let mut length = 0;
        // Both programs read the files and write the result.
        let out = std::env::temp_dir().join(format!("xml-delta-bench-{}.xml", std::process::id()));
        let ours = best(|| {
            let (a, b) = (
                std::fs::read(&a).expect("a file"),
                std::fs::read(&b).expect("a file"),
            );
            let delta = xml::compare(a.into(), b.into(), &CompareOptions::default(), &())
                .expect("they can be compared");
            length = delta.xml.len();
            std::fs::write(&out, delta.xml).expect("a file");
        });
        let theirs = is_there(&tdm).then(|| {
            best(|| {
                let diff = Command::new(&tdm)
                    .arg("diff")
                    .args([&a, &b, &out])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status();
                diff.expect("it can be run");
            })
        });
        let _ = std::fs::remove_file(&out);
        let name = pair
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let largest = a_bytes.len().max(b_bytes.len());
        let ratio = theirs.map_or("-".into(), |theirs| {
            format!("{:.2}", ours.as_secs_f64() / theirs.as_secs_f64())
        });
        println!(
            "{name:<28} {largest:>9} {:>9} {:>9} {ratio:>6} {:>6.2}",
            format!("{ours:.1?}"),
            theirs.map_or("-".into(), |theirs| format!("{theirs:.1?}")),
            length as f64 / largest as f64,
        );
    }
    println!();
}

fn is_there(program: &std::ffi::OsStr) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// A deterministic pseudorandom number generator.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn words(&mut self, count: usize) -> String {
        let words: Vec<String> = (0..count)
            .map(|_| format!("w{} ", self.below(3000)))
            .collect();
        words.concat()
    }
}

/// Generates two documents of a given size.
type Shape = fn(usize, &mut Numbers) -> [String; 2];

fn wide(rows: usize, numbers: &mut Numbers) -> [String; 2] {
    let mut documents = [String::from("<t>"), String::from("<t>")];
    for n in 0..rows {
        let row = format!("<row id=\"{n}\"><name>{}</name></row>\n", numbers.words(3));
        let changed = match numbers.below(50) {
            0 => String::new(),
            1 => row.replace("</name>", "new</name>"),
            _ => row.clone(),
        };
        documents[0].push_str(&row);
        documents[1].push_str(&changed);
    }
    documents.map(|document| document + "</t>")
}

fn deep(levels: usize, numbers: &mut Numbers) -> [String; 2] {
    let mut documents = [String::new(), String::new()];
    for _ in 0..levels {
        let words = numbers.words(2);
        write!(documents[0], "<d><s>{words}</s>").expect("a string");
        write!(
            documents[1],
            "<d><s>{words}{}</s>",
            if numbers.below(20) == 0 { "x" } else { "" }
        )
        .expect("a string");
    }
    documents.map(|document| document + &"</d>".repeat(levels))
}

fn repetitive(items: usize, numbers: &mut Numbers) -> [String; 2] {
    let mut document = || -> String {
        (0..items)
            .map(|_| {
                if numbers.below(2) == 0 {
                    "<x/>"
                } else {
                    "<y/>"
                }
            })
            .collect()
    };
    [document(), document()].map(|items| format!("<t>{items}</t>"))
}

fn nothing_alike(rows: usize, numbers: &mut Numbers) -> [String; 2] {
    let mut row = |_| format!("<row><a>{}</a></row>", numbers.words(4));
    let mut document = || (0..rows).map(&mut row).collect::<String>();
    [document(), document()].map(|rows| format!("<t>{rows}</t>"))
}

fn prose(words: usize, numbers: &mut Numbers) -> [String; 2] {
    let text = numbers.words(words);
    let changed = text.split(' ').map(|word| {
        if numbers.below(20) == 0 {
            "other"
        } else {
            word
        }
    });
    let changed = changed.collect::<Vec<_>>().join(" ");
    [text, changed].map(|text| format!("<t>{text}</t>"))
}

fn reindented(rows: usize, numbers: &mut Numbers) -> [String; 2] {
    let row = |n: usize| format!("<g><row id=\"{n}\"><v>{}</v></row></g>", numbers.words(2));
    let flat = format!("<t>{}</t>", (0..rows).map(row).collect::<String>());
    let indented = flat.replace("><", ">\n  <");
    [flat, indented]
}

/// Measures documents of one, two and four times a size.
fn shapes() {
    let shapes: [(&str, Shape, usize); 6] = [
        ("wide", wide, 50_000),
        ("deep", deep, 8_000),
        ("repetitive", repetitive, 100_000),
        ("nothing alike", nothing_alike, 20_000),
        ("one long text", prose, 100_000),
        ("indented anew", reindented, 20_000),
    ];
    println!(
        "{:<28} {:>9} {:>9} {:>15}",
        "shape", "bytes", "time", "for the double"
    );
    for (name, shape, size) in shapes {
        measure(name, shape, size, Whitespace::Exact);
    }
    measure(
        "indented anew, loose",
        reindented,
        20_000,
        Whitespace::Loose,
    );
}

fn measure(name: &str, shape: Shape, size: usize, whitespace: Whitespace) {
    let mut before: Option<Duration> = None;
    for doubled in 0..3 {
        let [a, b] = shape(size << doubled, &mut Numbers(0x9e37_79b9_7f4a_7c15));
        let options = CompareOptions {
            matching: MatchOptions {
                whitespace,
                ..MatchOptions::default()
            },
            ..CompareOptions::default()
        };
        let time = best(|| {
            let delta = xml::compare(a.clone().into(), b.clone().into(), &options, &());
            delta.expect("they can be compared");
        });
        let ratio = before.map_or(String::new(), |before| {
            format!("{:.2}", time.as_secs_f64() / before.as_secs_f64())
        });
        println!(
            "{name:<28} {:>9} {:>9} {ratio:>15}",
            a.len(),
            format!("{time:.1?}")
        );
        before = Some(time);
    }
}
