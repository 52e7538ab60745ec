// What does plain code wait for the result of a trivial future that runs on another thread's runtime?
// Handle::spawn onto a runtime of one thread, a oneshot back, blocking_recv.
//
// Usage: bridge_call [calls]

mod bridge;
mod report;

fn main() {
    let calls = report::argument(1, 300_000);
    bridge::on_one_and_two_cores(|cores| {
        let runtime = bridge::Loop::start();
        let mut value = 0;
        bridge::report_latency("bridge_call", cores, calls, || value = runtime.call(bridge::next(value)));
        assert!(value as usize >= calls);
    });
}
