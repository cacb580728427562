//! `zip`: a file or a folder becomes an archive.
//!
//! Streams: one file is open at a time and nothing is held of it but a buffer. The tree is walked twice, first to
//! count, so that percent means bytes really read.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use cap_std::fs::{Dir, DirEntry, File, Metadata, OpenOptions};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Context, Description, Fault, Operation, Product, ResultWriter, Stop};
use crate::job::Failure;
use crate::roots::{Place, Roots};

/// Read at a time; between two of them the attempt looks whether it is to stop.
const BUFFER_BYTES: usize = 64 * 1024;
/// Folders inside each other; more is a loop or a mistake, and every level costs a descriptor.
const DEPTH: usize = 256;

/// What to put into the archive.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ZipParams {
    /// A file or a folder below a root.
    #[schemars(extend("format" = "path"))]
    path: String,
}

pub(super) struct Zip;

impl Operation for Zip {
    fn describe(&self) -> Description {
        Description {
            output: "application/zip".into(),
            ..Description::new::<ZipParams>("zip", "Zip a file or folder")
        }
    }

    fn check(&self, params: &Value, roots: &Roots) -> Result<(), Vec<Fault>> {
        let path = params["path"].as_str().unwrap_or_default();
        match roots.locate(path) {
            Ok(_) => Ok(()),
            Err(refusal) => Err(vec![Fault {
                pointer: "#/path".into(),
                detail: refusal.to_string(),
            }]),
        }
    }

    fn run(&self, context: &Context) -> Result<Product, Stop> {
        let params: ZipParams = context.params()?;
        let place = context
            .roots()
            .locate(&params.path)
            .map_err(|e| Failure::new("source_not_found", e.to_string()))?;
        let name = place.name();
        let source = Source::open(&place, &params.path)?;

        context.phase("Counting");
        let mut total = Tally::default();
        source.walk(context, &name, &mut |_, found| {
            total.add(found);
            Ok(())
        })?;

        context.phase("Zipping");
        let mut result = context.result("application/zip", &format!("{name}.zip"));
        let mut archive = Archive {
            zip: ZipArchiveWriter::new(&mut result),
            context,
            done: Tally::default(),
            total,
        };
        source.walk(context, &name, &mut |path, found| archive.add(path, found))?;
        archive.zip.finish().map_err(to_io)?;
        result.finish()
    }
}

/// How much there is.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    entries: u64,
    bytes: u64,
}

impl Tally {
    fn add(&mut self, found: &Found<'_>) {
        self.entries += 1;
        if let Found::File(_, metadata) = found {
            self.bytes += metadata.len();
        }
    }
}

/// Something that goes into the archive.
enum Found<'a> {
    Folder(&'a Metadata),
    File(&'a dyn Fn() -> io::Result<File>, &'a Metadata),
}

/// What the job was pointed at.
enum Source {
    File(File, Metadata),
    Folder(Dir, Metadata),
}

impl Source {
    fn open(place: &Place<'_>, path: &str) -> Result<Self, Stop> {
        let missing =
            |e: io::Error| Failure::new("source_not_found", format!("{path} cannot be read: {e}."));
        let metadata = place.dir().metadata(place.rest()).map_err(missing)?;
        if metadata.is_dir() {
            let dir = place.dir().open_dir(place.rest()).map_err(missing)?;
            return Ok(Self::Folder(dir, metadata));
        }
        if metadata.is_file() {
            let file = open_file(place.dir(), place.rest()).map_err(missing)?;
            return Ok(Self::File(file, metadata));
        }
        Err(Failure::new(
            "source_not_found",
            format!("{path} is neither a file nor a folder."),
        )
        .into())
    }

    fn walk(
        &self,
        context: &Context,
        name: &str,
        visit: &mut dyn FnMut(&Path, &Found<'_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        match self {
            Self::File(file, metadata) => visit(
                Path::new(name),
                &Found::File(&|| file.try_clone(), metadata),
            ),
            Self::Folder(dir, metadata) => {
                visit(Path::new(name), &Found::Folder(metadata))?;
                walk_folder(context, dir, Path::new(name), visit)
            }
        }
    }
}

/// A folder on the way down, and what is still to be seen in it, last first.
struct Level {
    dir: Dir,
    path: PathBuf,
    entries: Vec<DirEntry>,
}

impl Level {
    fn read(dir: Dir, path: PathBuf) -> io::Result<Self> {
        let mut entries = dir.entries()?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.file_name()));
        Ok(Self { dir, path, entries })
    }
}

/// Visits what is below a folder, each folder before what is in it. Links, devices, sockets and FIFOs are passed over.
fn walk_folder(
    context: &Context,
    dir: &Dir,
    path: &Path,
    visit: &mut dyn FnMut(&Path, &Found<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut levels = vec![Level::read(dir.try_clone()?, path.to_owned())?];
    while let Some(level) = levels.last_mut() {
        let Some(entry) = level.entries.pop() else {
            levels.pop();
            continue;
        };
        context.check()?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // Gone since the folder was read.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e.into()),
        };
        let path = level.path.join(entry.file_name());
        if metadata.is_dir() {
            let dir = entry.open_dir()?;
            if context.roots().is_data(&dir.dir_metadata()?) {
                continue;
            }
            if levels.len() == DEPTH {
                let message = format!(
                    "Folders are nested more than {DEPTH} deep at {}.",
                    path.display()
                );
                return Err(Failure::new("over_limit", message).into());
            }
            visit(&path, &Found::Folder(&metadata))?;
            levels.push(Level::read(dir, path)?);
        } else if metadata.is_file() {
            let open = || open_file(&level.dir, Path::new(&entry.file_name()));
            visit(&path, &Found::File(&open, &metadata))?;
        }
    }
    Ok(())
}

/// Opens a regular file for reading, never waiting for the other end of a FIFO.
fn open_file(dir: &Dir, path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    }
    let file = dir.open_with(path, &options)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "not a regular file",
    ))
}

struct Archive<'a> {
    zip: ZipArchiveWriter<&'a mut ResultWriter>,
    context: &'a Context,
    done: Tally,
    total: Tally,
}

impl Archive<'_> {
    fn add(&mut self, path: &Path, found: &Found<'_>) -> Result<(), Stop> {
        let name = path
            .to_string_lossy()
            .replace(std::path::MAIN_SEPARATOR, "/");
        self.done.entries += 1;
        self.context.stage(
            &name,
            self.done.entries,
            self.total.entries.max(self.done.entries),
        );
        match found {
            Found::Folder(metadata) => {
                let folder = self.zip.new_dir(format!("{name}/"));
                folder
                    .last_modified(modified(metadata))
                    .unix_permissions(unix_mode(metadata))
                    .create()
                    .map_err(to_io)?;
                Ok(())
            }
            Found::File(open, metadata) => match open() {
                Ok(file) => self.add_file(&name, file, metadata),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(e) => Err(e.into()),
            },
        }
    }

    fn add_file(&mut self, name: &str, mut file: File, metadata: &Metadata) -> Result<(), Stop> {
        let (mut entry, config) = self
            .zip
            .new_file(name)
            .compression_method(CompressionMethod::DEFLATE)
            .last_modified(modified(metadata))
            .unix_permissions(unix_mode(metadata))
            .start()
            .map_err(to_io)?;
        let mut data = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            self.context.check()?;
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            data.write_all(&buffer[..read])?;
            self.done.bytes += read as u64;
            self.context.done(self.done.bytes, self.total.bytes);
        }
        let (encoder, descriptor) = data.finish().map_err(to_io)?;
        encoder.finish()?;
        entry.finish(descriptor).map_err(to_io)?;
        Ok(())
    }
}

fn modified(metadata: &Metadata) -> UtcDateTime {
    let since_epoch = metadata
        .modified()
        .ok()
        .and_then(|t| t.into_std().duration_since(UNIX_EPOCH).ok());
    UtcDateTime::from_unix(since_epoch.map_or(0, |t| t.as_secs() as i64))
}

fn unix_mode(metadata: &Metadata) -> u32 {
    #[cfg(unix)]
    return cap_std::fs::MetadataExt::mode(metadata);
    #[cfg(not(unix))]
    return if metadata.is_dir() {
        0o040_755
    } else {
        0o100_644
    };
}

fn to_io(error: rawzip::Error) -> io::Error {
    io::Error::other(error)
}
