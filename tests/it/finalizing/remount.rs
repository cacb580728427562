//! Crashes after which the file system is mounted from another device.

use std::os::unix::fs::MetadataExt;

use super::{Case, cases, origin, serve};
use crate::harness::{LoopDevice, Mount, Site, make_image};

/// Crashes the server after the rename, mounts the file system the second way, and checks that the next server
/// recognizes its own output. `first` and `second` give the arguments of `mount`.
fn die_and_mount_again<'a>(
    case: &Case,
    site: &Site,
    first: impl FnOnce() -> Vec<&'a str>,
    second: impl FnOnce() -> Vec<&'a str>,
    fault: &str,
) -> bool {
    let Some(mount) = Mount::new(&first(), &site.docs()) else {
        return false;
    };
    case.plant(site);
    let device = std::fs::metadata(site.docs()).expect("a root").dev();
    let mut server = serve(site, "", &format!("renamed{fault}"));
    let id = case.submit(server.client());
    assert!(!server.wait().success());
    mount.unmount();
    let mount = Mount::new(&second(), &site.docs()).expect("it could be mounted before");
    let is_other = std::fs::metadata(site.docs()).expect("a root").dev() != device;

    let server = serve(site, "", fault);
    let job = server.client().ended(&id);
    assert_eq!(job["status"], "succeeded", "{}{fault}: {job}", case.what);
    assert_eq!(job["attempt"], 1, "{}{fault}: {job}", case.what);
    case.assert_done(site, fault);
    server.stop();
    drop(mount);
    is_other
}

/// Runs every case on an image that is attached to two devices, one after the other.
fn from_another_device(make: &str, arguments: &[&str], bytes: u64) {
    let origin = origin();
    for case in cases(&origin) {
        for fault in ["", ",no-creation-times"] {
            let site = Site::new();
            let image = site.path().join("image");
            if !make_image(&image, bytes, make, arguments) {
                return;
            }
            let Some(one) = LoopDevice::new(&image) else {
                return;
            };
            let other = LoopDevice::new(&image).expect("a second device");
            let is_other = die_and_mount_again(
                &case,
                &site,
                || vec![one.path()],
                || vec![other.path()],
                fault,
            );
            assert!(is_other, "the device is another one");
        }
    }
}

#[test]
fn published_output_is_recognized_on_ext4_from_another_device() {
    from_another_device("mkfs.ext4", &["-q"], 16 << 20);
}

#[test]
fn published_output_is_recognized_on_remounted_btrfs() {
    let origin = origin();
    for case in cases(&origin) {
        let site = Site::new();
        let image = site.path().join("image");
        if !make_image(&image, 256 << 20, "mkfs.btrfs", &["-q"]) {
            return;
        }
        let image = image.to_str().expect("a path in UTF-8");
        let arguments = || vec!["-o", "loop", image];
        die_and_mount_again(&case, &site, arguments, arguments, "");
    }
}

#[test]
fn published_output_is_recognized_on_a_remounted_overlay() {
    let origin = origin();
    for case in cases(&origin) {
        for fault in ["", ",no-creation-times"] {
            let site = Site::new();
            let [lower, upper, work] = ["lower", "upper", "work"].map(|name| {
                let folder = site.path().join(name);
                std::fs::create_dir(&folder).expect("a folder");
                folder.display().to_string()
            });
            let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
            let arguments = || vec!["-t", "overlay", "overlay", "-o", options.as_str()];
            die_and_mount_again(&case, &site, arguments, arguments, fault);
        }
    }
}

#[test]
fn file_of_another_program_is_not_taken_for_the_output() {
    let origin = origin();
    let case = &cases(&origin)[0];
    for fault in ["", ",no-creation-times"] {
        let site = Site::new();
        case.plant(&site);
        let mut server = serve(&site, "", &format!("intended{fault}"));
        let id = case.submit(server.client());
        assert!(!server.wait().success());
        // The same tree, copied by another program.
        for (name, bytes) in [
            ("made/a/one", "1"),
            ("made/b/two", "22"),
            ("made/three", "333"),
        ] {
            site.write(name, bytes.as_bytes());
        }
        let server = serve(&site, "", fault);
        let job = server.client().ended(&id);
        assert_eq!(job["error"]["code"], "name_exists", "{fault}: {job}");
        case.assert_done(&site, fault);
        server.stop();
    }
}
