// How many calls a second does one runtime of one thread serve, made by 16 plain threads at once?
//
// Usage: bridge_callers_16 [calls]

mod bridge;
mod report;

use std::time::Instant;

const THREADS: usize = 16;

fn main() {
    let calls = report::argument(1, 1_000_000);
    let runtime = bridge::Loop::start();
    runtime.call(bridge::next(1));
    let before = report::cpu_s();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut value = 0;
                for _ in 0..calls / THREADS {
                    value = runtime.call(bridge::next(value));
                }
                assert!(value as usize == calls / THREADS);
            });
        }
    });
    let wall = start.elapsed().as_secs_f64();
    let used = report::cpu_s() - before;
    report::report("bridge_callers_16", "calls_per_s", calls as f64 / wall, "1/s");
    report::report_ns("bridge_callers_16", "cpu_per_call", used, calls);
}
