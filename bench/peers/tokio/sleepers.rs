// bench/peers/tokio/sleepers.rs
// What CPU does it cost to wake one of 10,000 sleepers? Each sleeps 10 to 20 ms, again and again.
// tokio::time::sleep, which wakes at whole milliseconds, so many at a time.
//
// Usage: sleepers [wake-ups]

mod report;

const SLEEPERS: usize = 10_000;

fn main() {
    let rounds = (report::argument(1, 2_000_000) + SLEEPERS - 1) / SLEEPERS;
    let before = report::cpu_s();
    report::run(async {
        let sleep_often = |number| async move {
            let mut naps = report::Naps::new(number);
            for _ in 0..rounds {
                tokio::time::sleep(naps.next()).await;
            }
        };
        let group: Vec<_> = (0..SLEEPERS).map(|number| tokio::spawn(sleep_often(number))).collect();
        for task in group {
            task.await.unwrap();
        }
    });
    report::report_ns("sleepers", "ns_per_wake_up", report::cpu_s() - before, rounds * SLEEPERS);
}
