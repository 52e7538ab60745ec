// bench/peers/tokio/semaphore.rs
// What does a permit cost that is free, and what when 16 tasks share 4 permits?
// tokio::sync::Semaphore, on a runtime of one thread.
//
// Usage: semaphore [permits]

mod report;

use std::sync::Arc;
use tokio::sync::Semaphore;

const TASKS: usize = 16;

fn main() {
    let permits = report::argument(1, 10_000_000);
    let semaphore = Arc::new(Semaphore::new(4));

    let before = report::cpu_s();
    report::run(async {
        for _ in 0..permits {
            let _permit = semaphore.acquire().await.unwrap();
        }
    });
    report::report_ns("semaphore", "ns_per_free_permit", report::cpu_s() - before, permits);

    let before = report::cpu_s();
    report::run(async {
        let contend = |semaphore: Arc<Semaphore>| async move {
            for _ in 0..permits / TASKS {
                let _permit = semaphore.acquire().await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let group: Vec<_> = (0..TASKS).map(|_| tokio::spawn(contend(semaphore.clone()))).collect();
        for task in group {
            task.await.unwrap();
        }
    });
    report::report_ns("semaphore", "ns_per_hand_over", report::cpu_s() - before, permits);
}
