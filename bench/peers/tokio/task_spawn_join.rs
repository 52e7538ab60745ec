// bench/peers/tokio/task_spawn_join.rs
// What does starting and joining an empty task cost, in groups of 1000?
// tokio::spawn, on a runtime of one thread.
//
// Usage: task_spawn_join [tasks]

mod report;

const GROUP_SIZE: usize = 1000;

fn main() {
    let groups = (report::argument(1, 5_000_000) + GROUP_SIZE - 1) / GROUP_SIZE;
    let before = report::cpu_s();
    report::run(async {
        for _ in 0..groups {
            let group: Vec<_> = (0..GROUP_SIZE).map(|_| tokio::spawn(async {})).collect();
            for task in group {
                task.await.unwrap();
            }
        }
    });
    report::report_ns("task_spawn_join", "ns_per_task", report::cpu_s() - before, groups * GROUP_SIZE);
}
