// bench/peers/tokio/mutex.rs
// What does a lock cost that is free, and what when it goes from hand to hand among eight tasks?
// tokio::sync::Mutex, on a runtime of one thread.
//
// Usage: mutex [locks]

mod report;

use std::sync::Arc;
use tokio::sync::Mutex;

const TASKS: usize = 8;

fn main() {
    let locks = report::argument(1, 10_000_000);
    let mutex = Arc::new(Mutex::new(()));

    let before = report::cpu_s();
    report::run(async {
        for _ in 0..locks {
            let _guard = mutex.lock().await;
        }
    });
    report::report_ns("mutex", "ns_per_free_lock", report::cpu_s() - before, locks);

    let before = report::cpu_s();
    report::run(async {
        let contend = |mutex: Arc<Mutex<()>>| async move {
            for _ in 0..locks / TASKS {
                let _guard = mutex.lock().await;
                tokio::task::yield_now().await;
            }
        };
        let group: Vec<_> = (0..TASKS).map(|_| tokio::spawn(contend(mutex.clone()))).collect();
        for task in group {
            task.await.unwrap();
        }
    });
    report::report_ns("mutex", "ns_per_hand_over", report::cpu_s() - before, locks);
}
