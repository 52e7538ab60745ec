// bench/peers/tokio/cancel.rs
// What does it cost to cancel and join a task that sleeps, 100,000 of them at once? Starting them is not counted.
// JoinSet::abort_all, on a runtime of one thread.
//
// Usage: cancel [tasks]

mod report;

use std::time::Duration;
use tokio::{task::JoinSet, time::sleep};

const CROWD_SIZE: usize = 100_000;

fn main() {
    let crowds = (report::argument(1, 2_000_000) + CROWD_SIZE - 1) / CROWD_SIZE;
    let mut used = 0.0;
    report::run(async {
        for _ in 0..crowds {
            let mut group = JoinSet::new();
            for _ in 0..CROWD_SIZE {
                group.spawn(sleep(Duration::from_secs(3600)));
            }
            sleep(Duration::from_millis(1)).await;
            tokio::task::yield_now().await; // now all of them sleep

            let before = report::cpu_s();
            group.abort_all();
            while group.join_next().await.is_some() {}
            used += report::cpu_s() - before;
        }
    });
    report::report_ns("cancel", "ns_per_task", used, crowds * CROWD_SIZE);
}
