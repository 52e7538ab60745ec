// bench/peers/tokio/task_million.rs
// What do a million live tasks cost, each of which yields once and is joined?
// tokio::spawn, on a runtime of one thread.
//
// Usage: task_million [tasks]

mod report;

fn main() {
    let tasks = report::argument(1, 1_000_000);
    let idle_bytes = report::memory_bytes("VmRSS:");
    let before = report::cpu_s();
    report::run(async {
        let group: Vec<_> = (0..tasks).map(|_| tokio::spawn(tokio::task::yield_now())).collect();
        for task in group {
            task.await.unwrap();
        }
    });
    let used = report::cpu_s() - before;
    let live_bytes = report::memory_bytes("VmHWM:") - idle_bytes;
    report::report_ns("task_million", "ns_per_task", used, tasks);
    report::report("task_million", "bytes_per_task", live_bytes / tasks as f64, "B");
}
