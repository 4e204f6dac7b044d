//! Which path leads to which file, and which leads nowhere.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;

use crate::files::Served;

#[test]
fn every_name_that_a_file_can_have_is_served() {
    let served = Served::new();
    for (path, name) in [
        ("/C:/12:30.txt", "C:/12:30.txt".into()),
        ("/back\\slash", "back\\slash".into()),
        ("/a%5Cb", "a\\b".into()),
        ("/space%20%25%3F", "space %?".into()),
        ("/caf%E9", OsString::from_vec(b"caf\xe9".to_vec())),
    ] {
        let path_there = served.folder.join("root").join(&name);
        fs::create_dir_all(path_there.parent().expect("a folder")).expect("a folder");
        fs::write(path_there, path).expect("a file");
        assert_eq!(served.get(path, "").text(), path);
    }
    fs::create_dir_all(served.folder.join("root/\\example.com")).expect("a folder");
    let redirected = served.get("/\\example.com", "");
    let location = redirected.header("Location");
    assert_eq!(location, Some("/files/%5Cexample.com/"));
}

#[test]
fn a_dot_name_is_served_by_its_name_and_the_others_stay_hidden() {
    let served = Served::with(|files| files.with_dot_name(".well-known"));
    let root = served.folder.join("root");
    fs::create_dir_all(root.join(".well-known/.git")).expect("a folder");
    served.put(".well-known/security.txt", b"Contact: ana");
    served.put(".well-known/.git/config", b"hidden");
    served.put(".well-known.txt", b"hidden");
    let ask = |path: &str| served.ask(&format!("GET {path}"), "");
    assert_eq!(ask("/.well-known/security.txt").text(), "Contact: ana");
    for hidden in [
        "/.well-known/.git/config",
        "/.well-known.txt",
        "/.well-known/..",
        "/files/.well-known/security.txt",
    ] {
        assert_eq!(ask(hidden).status, 404, "{hidden}");
    }
}

#[test]
fn a_folder_has_an_index_and_a_slash() {
    let served = Served::new();
    let redirected = served.get("/sub?a=b", "");
    assert_eq!(
        (redirected.status, redirected.header("Location")),
        (302, Some("/files/sub/?a=b"))
    );
    assert_eq!(served.get("/sub/", "").status, 404, "there is no index");
    served.put("sub/index.html", b"<p>index");
    assert_eq!(served.get("/sub/", "").text(), "<p>index");
    assert_eq!(served.get("", "").header("Location"), Some("/files/"));
    assert_eq!(served.get("/ten.txt/", "").status, 404);
}

#[test]
fn nothing_leads_out_of_the_folder_or_to_what_is_hidden() {
    let served = Served::new();
    fs::write(served.folder.join("secret"), b"secret").expect("a file");
    served.put(".hidden", b"hidden");
    let root = served.folder.join("root");
    symlink(served.folder.join("secret"), root.join("link")).expect("a link");
    symlink(&served.folder, root.join("up")).expect("a link");
    symlink(root.join("ten.txt"), root.join("inside")).expect("a link");
    symlink("loop", root.join("loop")).expect("a link");
    symlink(".hidden", root.join("shown")).expect("a link");
    let fifo = root.join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/sub/../../secret",
        "/sub/%2E%2E/%2E%2E/secret",
        "/..\\secret",
        "//secret",
        "/link",
        "/up/secret",
        "/loop",
        "/fifo",
        "/.hidden",
        "/shown",
        "/ten.txt%00",
        "/%ff",
        "/sub%2f..%2f..%2fsecret",
        "/nowhere",
        "/C:/secret",
    ] {
        let heard = served.get(path, "");
        assert!(
            [400, 404].contains(&heard.status),
            "{path}: {}",
            heard.status
        );
        assert!(!heard.text().contains("secret"), "{path}");
    }
    for path in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/sub/%2E%2e/../../etc/passwd",
        "/..",
        "/%2e%2e",
    ] {
        assert_eq!(served.get(path, "").status, 404, "{path}");
    }
    assert_eq!(served.get("/inside", "").text(), "0123456789");
}
