// bench/peers/tokio/task_call.rs
// What does awaiting a call cost which completes without ever suspending?
// A boxed future, as a coroutine's frame is; awaited by value it would be a plain call.
//
// Usage: task_call [calls]

mod report;

use std::future::Future;
use std::pin::Pin;

#[inline(never)]
fn next(value: usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move { value + 1 })
}

fn main() {
    let calls = report::argument(1, 20_000_000);
    let before = report::cpu_s();
    report::run(async {
        let mut value = 0;
        for _ in 0..calls {
            value = next(value).await;
        }
        assert_eq!(value, calls);
    });
    report::report_ns("task_call", "ns_per_call", report::cpu_s() - before, calls);
}
