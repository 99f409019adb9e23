//! The most memory that a process has had.

use std::fs;

/// The most memory in RAM that the process `pid` has had since its start or [`restart_peak`], in KiB (`VmHWM` of `/proc/PID/status`).
#[must_use]
pub fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok())
        .expect("the kernel tells it")
}

/// Has the kernel measure the peak anew (`/proc/PID/clear_refs` in proc(5)).
pub fn restart_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("root may");
}
