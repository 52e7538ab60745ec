// bench/peers/tokio/report.rs
// What every benchmark program in Rust needs, as bench/support/report.hpp is for C++.
#![allow(dead_code)]

use std::time::Duration;

/// CPU seconds that the process has used so far.
pub fn cpu_s() -> f64 {
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut used) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    seconds(used.ru_utime) + seconds(used.ru_stime)
}

/// "VmRSS:" now or "VmHWM:" at its highest; ru_maxrss would survive exec().
pub fn memory_bytes(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) * 1024.0
}

pub fn argument(index: usize, fallback: usize) -> usize {
    match std::env::args().nth(index) {
        None => fallback,
        Some(text) => match text.parse() {
            Ok(value) if value > 0 => value,
            _ => {
                eprintln!("argument {index} is \"{text}\", not a positive number");
                std::process::exit(2)
            }
        },
    }
}

pub fn report(bench: &str, figure: &str, value: f64, unit: &str) {
    println!(
        r#"{{"bench":"{bench}","who":"tokio","figure":"{figure}","value":{value:.4},"unit":"{unit}"}}"#
    );
}

pub fn report_ns(bench: &str, figure: &str, used_s: f64, pieces: usize) {
    report(bench, figure, used_s * 1e9 / pieces as f64, "ns");
}

/// Runs `work` on a runtime of this thread alone.
pub fn run<F: std::future::Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(work)
}

/// How long the sleeper of `sleepers` with a number sleeps in each round; Naps of report.hpp.
pub struct Naps(u64);

impl Naps {
    pub fn new(number: usize) -> Self {
        Naps(number as u64 + 1)
    }
    pub fn next(&mut self) -> Duration {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        Duration::from_micros(10_000 + self.0 % 1_000 * 10)
    }
}
