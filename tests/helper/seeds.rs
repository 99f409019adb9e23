//! The committed inputs of the fuzz targets, and what a fuzzer once broke, read by the very functions that the targets call.
#![expect(
    clippy::format_push_string,
    clippy::missing_panics_doc,
    reason = "a check fails by panicking, and what it stands on need not be fast"
)]

use std::{fs, path::Path};

#[path = "../../helper/fuzz/src/lib.rs"]
pub mod fuzz;

/// So many bytes all the inputs may have, and so many files they may be: the fuzzers find the rest.
const MOST_BYTES: u64 = 200_000;
const MOST_FILES: usize = 80;

#[test]
fn every_committed_input_of_a_fuzz_target_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let (mut files, mut bytes) = (0, 0);
    for (name, check) in fuzz::TARGETS {
        let mut of_target = 0;
        let inputs = fs::read_dir(folder.join(name)).expect("each target has a folder of inputs");
        for input in inputs {
            let path = input.expect("the folder can be read").path();
            let input = fs::read(&path).expect("an input can be read");
            println!("{}", path.display());
            check(&input);
            of_target += 1;
            bytes += u64::try_from(input.len()).expect("a length in bytes");
        }
        assert!(of_target > 0, "no input of {name}");
        files += of_target;
    }
    assert!(bytes <= MOST_BYTES, "{bytes} bytes of inputs");
    assert!(files <= MOST_FILES, "{files} inputs");
}
