//! Power loss: removed output of jobs does not come back.

use std::path::Path;
use std::process::Command;

use rusqlite::{Connection, OpenFlags};

use super::{cases, origin, serve, status};
use crate::harness::{Gate, Mount, Site, make_image, run, skipped, wait_for};

/// A disk for the root, separate from the database's.
fn disk(site: &Site) -> Option<Mount> {
    let image = site.path().join("image");
    if let Err(reason) = run(Command::new("python3").args(["-c", "import fcntl"])) {
        skipped(&reason);
        return None;
    }
    if !make_image(&image, 32 << 20, "mkfs.ext4", &["-q"]) {
        return None;
    }
    let image = image.to_str().expect("a path in UTF-8");
    Mount::new(&["-o", "loop", image], &site.docs())
}

/// Syncs a folder, including temporary names.
fn sync(folder: &Path) {
    run(Command::new("sync").arg("-f").arg(folder)).expect("it can be synced");
}

/// Waits until all jobs have ended or their rows are deleted.
fn wait_for_rows(site: &Site) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = Connection::open_with_flags(site.data().join("cloakroom.db"), flags);
    let database = database.expect("a database");
    wait_for("the end of the row", || {
        let query = "select count(*) from job where finished_ms is null";
        let count = database.query_row(query, [], |row| row.get::<_, i64>(0));
        (count.expect("a count") == 0).then_some(())
    });
}

#[test]
fn output_of_canceled_or_deleted_jobs_stays_removed_after_power_loss() {
    let origin = origin();
    for case in cases(&origin) {
        for (method, path) in [("POST", "/cancel"), ("DELETE", "")] {
            // Removed by the attempt itself or at the next start.
            for dies in [false, true] {
                let site = Site::new();
                let Some(disk) = disk(&site) else { return };
                case.plant(&site);
                let gate = Gate::new(&site);
                let mut server = serve(&site, "", &gate.at("intending"));
                let id = case.submit(server.client());
                let held = gate.reached();
                sync(&site.docs());
                status(server.client(), method, &format!("/v1/jobs/{id}{path}"));
                if dies {
                    server.kill();
                    server = serve(&site, "", "");
                }
                drop(held);
                wait_for_rows(&site);
                disk.cut_power();
                server.kill();
                disk.again();
                case.assert_undone(&site, &format!("{method}, {dies}"));
            }
        }
    }
}

#[test]
fn replaced_file_stays_replaced_after_power_loss() {
    let origin = origin();
    let cases = cases(&origin);
    let case = cases.iter().find(|case| case.replaces).expect("one");
    let site = Site::new();
    let Some(disk) = disk(&site) else { return };
    case.plant(&site);
    sync(&site.docs());
    let server = serve(&site, "", "");
    let job = server.client().ended(&case.submit(server.client()));
    assert_eq!(job["status"], "succeeded", "{job}");
    disk.cut_power();
    server.kill();
    disk.again();
    case.assert_done(&site, "a power cut");
}
